package edgeidentify;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/** Checks of the names in a pack: its name, its version, and the paths of its files. A hostile path could climb. */
public final class PackNames {
    private static final int MAX_PATH_CHARACTERS = 200;
    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9-]{0,63}");
    private static final Pattern PATH_PART = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]*");
    // Windows opens a device under these names.
    private static final Pattern DEVICE =
        Pattern.compile("(con|nul|aux|prn|com[0-9]|lpt[0-9])(\\..*)?", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    private static final Pattern VERSION =
        Pattern.compile("(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})\\.(0|[1-9][0-9]{0,8})");
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    private PackNames() {
    }

    /** Returns the text, if it is a version such as 1.2.0. */
    public static String checkedVersion(String text) {
        if (!VERSION.matcher(text).matches()) {
            throw EdgeIdentifyException.format(shown(text) + " is not a pack version; write three numbers such as 1.0.0");
        }
        return text;
    }

    /** Compares two valid versions by their numbers: below 0 if the first is older. */
    public static int compareVersions(String one, String other) {
        String[] ours = one.split("\\.");
        String[] theirs = other.split("\\.");
        int found = 0;
        for (int at = 0; at < 3 && found == 0; at++) {
            found = Integer.compare(Integer.parseInt(ours[at]), Integer.parseInt(theirs[at]));
        }
        return found;
    }

    /** Returns the text, if it can name a pack. */
    public static String checkedPackName(String text) {
        if (!NAME.matcher(text).matches() || DEVICE.matcher(text).matches()) {
            throw EdgeIdentifyException.format(shown(text)
                + " cannot name a pack; use lower-case letters, digits and hyphens (at most 64), such as street-art");
        }
        return text;
    }

    /** Returns the text, if it is a safe relative path inside a pack. */
    public static String checkedPath(String text) {
        boolean isSafe = text.length() <= MAX_PATH_CHARACTERS;
        for (String part : text.split("/", -1)) {
            isSafe &= PATH_PART.matcher(part).matches() && !part.endsWith(".") && !DEVICE.matcher(part).matches();
        }
        if (!isSafe) {
            throw EdgeIdentifyException.format(shown(text) + " cannot be a path in a pack; the pack is damaged or hostile");
        }
        return text;
    }

    /** Returns the text, if it is a SHA-256 in lower-case hexadecimal digits. */
    public static String checkedSha256(String text) {
        if (!SHA256.matcher(text).matches()) {
            throw EdgeIdentifyException.format(shown(text) + " is not a SHA-256 in hexadecimal digits");
        }
        return text;
    }

    /** Checks that safe paths name different files on every file system. */
    static void checkApart(Iterable<String> paths) {
        Map<String, String> byFolded = new HashMap<>();
        for (String path : paths) {
            String same = byFolded.put(path.toLowerCase(Locale.ROOT), path);
            if (same != null) {
                throw EdgeIdentifyException.format(shown(same) + " and " + shown(path) + " are the same file on many devices");
            }
        }
        for (String folded : byFolded.keySet()) {
            for (int at = folded.indexOf('/'); at >= 0; at = folded.indexOf('/', at + 1)) {
                String folder = byFolded.get(folded.substring(0, at));
                if (folder != null) {
                    String message = " is a file, and also a folder of " + shown(byFolded.get(folded));
                    throw EdgeIdentifyException.format(shown(folder) + message);
                }
            }
        }
    }

    private static String shown(String text) {
        return "\"" + (text.length() > 220 ? text.substring(0, 220) + "..." : text) + "\"";
    }
}
