package edgeidentify;

import java.util.Comparator;

/** Texts by code points, as Python and SQLite count and sort them. Java's own order is that of UTF-16 units. */
final class CodePoints {
    static final Comparator<String> ORDER = CodePoints::compare;

    private CodePoints() {
    }

    private static int compare(String one, String other) {
        int at = 0;
        while (at < one.length() && at < other.length() && one.charAt(at) == other.charAt(at)) {
            at++;
        }
        if (at == one.length() || at == other.length()) {
            return one.length() - other.length();
        }
        char ours = one.charAt(at);
        char theirs = other.charAt(at);
        boolean isBeyond = Character.isSurrogate(ours); // stands for a character beyond all that take one unit
        return isBeyond == Character.isSurrogate(theirs) ? ours - theirs : isBeyond ? 1 : -1;
    }

    /** Returns at most so many characters. */
    static String first(String text, int most) {
        return text.length() <= most || text.codePointCount(0, text.length()) <= most
            ? text : text.substring(0, text.offsetByCodePoints(0, most));
    }

    static int count(String text) {
        return text.codePointCount(0, text.length());
    }
}
