package edgeidentify;

import java.text.Normalizer;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cleaning of a text before it is tokenised: ftfy's repairs without those of wrong encodings, HTML unescaped twice.
 *
 * <p>Nobody types mojibake into a search field, so the table of wrong encodings stays out.
 */
final class TextCleaning {
    private static final Map<String, String> NAMED = new HashMap<>();
    // What ftfy replaces: ligatures, and characters of full or half width.
    private static final Pattern COMPATIBLE =
        Pattern.compile("[\\u0132\\u0133\\u0149\\u01c4-\\u01cc\\u01f1-\\u01f3\\ufb00-\\ufb06\\uff01-\\uffef\\u3000]");
    private static final Pattern CONTROLS =
        Pattern.compile("[\\x00-\\x08\\x0b\\x0e-\\x1f\\x7f\\u206a-\\u206f\\ufeff\\ufff9-\\ufffc]");
    private static final Pattern PUNCTUATION = Pattern.compile("[!-/:-@\\[-`{-~]");
    private static final Pattern ESCAPED =
        Pattern.compile("&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]+));");

    static {
        String[] pairs = {"amp", "&", "lt", "<", "gt", ">", "quot", "\"", "apos", "'", "nbsp", "\u00a0", "copy", "\u00a9",
            "reg", "\u00ae", "deg", "\u00b0"};
        for (int at = 0; at < pairs.length; at += 2) {
            NAMED.put(pairs[at], pairs[at + 1]);
        }
    }

    private TextCleaning() {
    }

    /** Returns a text cleaned as the manifest says: {@code lower}, {@code whitespace} or {@code canonicalize}. */
    static String cleaned(String text, String cleaning) {
        String found = unescaped(unescaped(repaired(CodePoints.first(text, Folding.MOST_CHARACTERS))));
        if (cleaning.equals("canonicalize")) {
            found = PUNCTUATION.matcher(found.replace('_', ' ')).replaceAll("").toLowerCase(Locale.ROOT);
        }
        String joined = String.join(" ", Folding.parts(found));
        return cleaning.equals("lower") ? joined.toLowerCase(Locale.ROOT) : joined;
    }

    private static String repaired(String text) {
        StringBuilder plain = new StringBuilder();
        int end = 0;
        for (Matcher matcher = COMPATIBLE.matcher(text); matcher.find(); end = matcher.end()) {
            plain.append(text, end, matcher.start()).append(Normalizer.normalize(matcher.group(), Normalizer.Form.NFKC));
        }
        String quoted = plain.append(text.substring(end)).toString()
            .replaceAll("[\\u02bc\\u2018-\\u201b]", "'").replaceAll("[\\u201c-\\u201f]", "\"");
        return Normalizer.normalize(CONTROLS.matcher(quoted).replaceAll(""), Normalizer.Form.NFC);
    }

    private static String unescaped(String text) {
        StringBuilder plain = new StringBuilder();
        int end = 0;
        for (Matcher matcher = ESCAPED.matcher(text); matcher.find(); end = matcher.end()) {
            plain.append(text, end, matcher.start()).append(meaning(matcher));
        }
        return plain.append(text.substring(end)).toString();
    }

    private static String meaning(Matcher escaped) {
        if (escaped.group(3) != null) {
            return NAMED.getOrDefault(escaped.group(3), escaped.group());
        }
        boolean isDecimal = escaped.group(1) != null;
        int code = isDecimal ? Integer.parseInt(escaped.group(1)) : Integer.parseInt(escaped.group(2), 16);
        boolean isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
        return isCharacter ? new String(Character.toChars(code)) : "\ufffd";
    }
}
