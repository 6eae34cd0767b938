package edgeidentify;

/** Something cannot be used. The message names the thing, what was found and what to do. */
public final class EdgeIdentifyException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What is wrong. {@link #text} is the same word in every core. */
    public enum Code {
        /** A photo cannot be used. */
        PHOTO("photo"),
        /** A file of the pack has changed, ends early, or holds what it must not hold. */
        PACK_DAMAGED("pack-damaged"),
        /** The manifest, the listing or the calibration is invalid. */
        PACK_FORMAT("pack-format"),
        /** The pack or the listing has a newer format than this software reads. */
        PACK_NEWER_FORMAT("pack-newer-format"),
        /** No encoder of the pack runs here. */
        PACK_NO_ENCODER("pack-no-encoder"),
        /** What the server offers is not what its publisher signed. */
        UNTRUSTED("untrusted"),
        /** An option is out of range, a filter fits nothing, or the device lacks something. */
        SETUP("setup");

        public final String text;

        Code(String text) {
            this.text = text;
        }
    }

    private final Code code;

    EdgeIdentifyException(Code code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    /** Returns what is wrong. */
    public Code code() {
        return code;
    }

    static EdgeIdentifyException damaged(String where, String found) {
        return new EdgeIdentifyException(Code.PACK_DAMAGED, where + ": " + found + "; build or fetch the pack again", null);
    }

    static EdgeIdentifyException format(String message) {
        return new EdgeIdentifyException(Code.PACK_FORMAT, message, null);
    }

    static EdgeIdentifyException newerFormat(String where, long found, int known) {
        String message = where + ": format " + found + ", but this software reads up to " + known + "; update the app";
        return new EdgeIdentifyException(Code.PACK_NEWER_FORMAT, message, null);
    }

    static EdgeIdentifyException photo(String message) {
        return new EdgeIdentifyException(Code.PHOTO, message, null);
    }

    static EdgeIdentifyException setup(String message) {
        return new EdgeIdentifyException(Code.SETUP, message, null);
    }

    static EdgeIdentifyException untrusted(String message) {
        String whole = message + "; nothing is installed, and installed packs go on working";
        return new EdgeIdentifyException(Code.UNTRUSTED, whole, null);
    }
}
