package edgeidentify;

/** A pack cannot be used. The message names the thing, what was found and what to do. */
public final class PackException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What is wrong. */
    public enum Kind { DAMAGED, FORMAT, NEWER_FORMAT }

    private final Kind kind;

    PackException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    /** Returns what is wrong: a damaged file, an invalid manifest, or one of a newer format. */
    public Kind kind() {
        return kind;
    }

    static PackException damaged(String where, String found) {
        return new PackException(Kind.DAMAGED, where + ": " + found + "; build or fetch the pack again");
    }

    static PackException format(String message) {
        return new PackException(Kind.FORMAT, message);
    }
}
