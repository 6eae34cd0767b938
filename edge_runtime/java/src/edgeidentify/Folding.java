package edgeidentify;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Text as it is compared: without case, accents and separators, split into words. As {@code search/words/folding.py}. */
final class Folding {
    static final int MOST_CHARACTERS = 10_000; // of a text
    /** Words that say nothing about what a text describes. */
    static final Set<String> FILLERS = new HashSet<>(Arrays.asList(
        "a an and from image in is my of on one photo picture small some the this with yesterday".split(" ")));

    // Thai, Lao, Myanmar, Khmer, kana, Chinese characters: scripts that write no spaces.
    private static final String UNSPACED = "\\x{0e00}-\\x{0eff}\\x{1000}-\\x{109f}\\x{1780}-\\x{17ff}\\x{3005}-\\x{3007}"
        + "\\x{3040}-\\x{30ff}\\x{3400}-\\x{9fff}\\x{f900}-\\x{faff}\\x{20000}-\\x{3ffff}";
    private static final Pattern RUN = Pattern.compile(
        "[" + UNSPACED + "]+|\\p{Nd}+|(?:(?![" + UNSPACED + "])[\\p{L}\\p{Nl}\\p{No}])+");
    private static final Pattern UNSPACED_SIGN = Pattern.compile("[" + UNSPACED + "]");
    private static final Pattern MARKS = Pattern.compile("\\p{M}");
    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}_]+");
    private static final Pattern SPACE = Pattern.compile("[\\s\\p{Z}\\x{1c}-\\x{1f}\\x{85}]+");
    private static final String LAST_MARK_OF_LETTERS = "\u094d"; // of combining class 9, a virama
    /** Letters with a stroke or a ligature, which Unicode does not decompose. */
    private static final Map<String, String> LETTERS = new HashMap<>();

    static {
        String[] pairs = {"ø", "o", "ł", "l", "đ", "d", "ħ", "h", "ı", "i", "æ", "ae", "œ", "oe", "þ", "th", "ð", "d"};
        for (int at = 0; at < pairs.length; at += 2) {
            LETTERS.put(pairs[at], pairs[at + 1]);
        }
    }

    private Folding() {
    }

    /** Returns a text without case and accents; composed and decomposed text give the same. */
    static String folded(String text) {
        if (text.chars().allMatch(sign -> sign < 128)) {
            return text.toLowerCase(Locale.ROOT);
        }
        StringBuilder caseless = new StringBuilder();
        for (String sign : signs(Normalizer.normalize(text, Normalizer.Form.NFKD))) {
            caseless.append(sign.toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT)); // each alone: no final sigma
        }
        StringBuilder plain = new StringBuilder();
        for (String sign : signs(Normalizer.normalize(caseless, Normalizer.Form.NFKD))) {
            plain.append(isAccent(sign) ? "" : LETTERS.getOrDefault(sign, sign));
        }
        return Normalizer.normalize(plain, Normalizer.Form.NFC);
    }

    /** Returns the words of a folded text, in order, with repeats. A run of a script without spaces gives its pairs. */
    static List<String> words(String plain) {
        List<String> found = new ArrayList<>();
        for (String run : runs(plain)) {
            List<String> signs = signs(run);
            if (signs.size() < 2 || !UNSPACED_SIGN.matcher(signs.get(0)).matches()) {
                found.add(run);
                continue;
            }
            for (int at = 1; at < signs.size(); at++) {
                found.add(signs.get(at - 1) + signs.get(at));
            }
        }
        return found;
    }

    /** Returns the distinct words that a folded text is found by, single characters of scripts without spaces included. */
    static Set<String> distinctWords(String plain) {
        Set<String> found = new LinkedHashSet<>(words(plain));
        found.addAll(all(UNSPACED_SIGN, plain));
        return found;
    }

    /** Returns the distinct words of a text that is not folded, without those that say nothing. */
    static List<String> tellingWords(String text) {
        String some = CodePoints.first(text, MOST_CHARACTERS);
        Set<String> found = new LinkedHashSet<>(all(WORD, some.toLowerCase(Locale.ROOT)));
        if (found.isEmpty()) {
            parts(some).stream().limit(1).forEach(found::add);
        }
        found.removeAll(FILLERS);
        return new ArrayList<>(found);
    }

    /** Returns the letters and digits of a folded text without anything between; without any, the text without white space. */
    static String joined(String plain) {
        String found = String.join("", runs(plain));
        return found.isEmpty() ? SPACE.matcher(plain).replaceAll("") : found;
    }

    /** Returns the parts of a text between white space. */
    static List<String> parts(String text) {
        List<String> found = new ArrayList<>(Arrays.asList(SPACE.split(text)));
        found.remove("");
        return found;
    }

    private static List<String> runs(String plain) {
        return all(RUN, MARKS.matcher(plain).replaceAll(""));
    }

    static List<String> all(Pattern pattern, String text) {
        List<String> found = new ArrayList<>();
        for (Matcher matcher = pattern.matcher(text); matcher.find();) {
            found.add(matcher.group());
        }
        return found;
    }

    /** Returns the characters of a text, each as a text. */
    static List<String> signs(String text) {
        List<String> found = new ArrayList<>();
        for (int at = 0; at < text.length(); at = text.offsetByCodePoints(at, 1)) {
            found.add(text.substring(at, text.offsetByCodePoints(at, 1)));
        }
        return found;
    }

    /**
     * Returns whether a sign is an accent or a point. Marks up to the combining class 9 change the letter. Java does not
     * tell the class, but normalisation puts a mark of a higher class behind one of class 9.
     */
    private static boolean isAccent(String sign) {
        return MARKS.matcher(sign).matches() && !Normalizer.isNormalized(sign + LAST_MARK_OF_LETTERS, Normalizer.Form.NFD);
    }
}
