package edgeidentify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which words of a text a pack's text tower knows: a word is unknown if one of its tokens means the same as a token that
 * no text contains. Otherwise its nearest picture would be chance.
 */
final class KnownWords {
    private static final int MOST_WORDS = 32;
    private static final double EQUAL = 0.9999; // least cosine of equal embeddings, whatever the batch
    private static final int[] NEVER_IN_UTF8 = {0xfe, 0xff};

    private final TextEncoder encoder;
    private final ClipTokenizer tokenizer;
    private Boolean areAll;

    KnownWords(TextEncoder encoder, ClipTokenizer tokenizer) {
        this.encoder = encoder;
        this.tokenizer = tokenizer;
    }

    /** Returns whether every word means something to the tower. */
    boolean areAll() {
        if (areAll == null) {
            List<Long> bytes = Arrays.asList(tokenizer.idOfByte(NEVER_IN_UTF8[0]), tokenizer.idOfByte(NEVER_IN_UTF8[1]));
            areAll = equalToLast(bytes).isEmpty();
        }
        return areAll;
    }

    /** Returns the words that are unknown; those after the 32nd are not looked at. */
    List<String> unknown(List<String> words) {
        List<String> unknown = new ArrayList<>();
        if (areAll()) {
            return unknown;
        }
        List<String> asked = words.subList(0, Math.min(MOST_WORDS, words.size()));
        Set<Long> distinct = new TreeSet<>();
        asked.forEach(word -> distinct.addAll(tokensOf(word)));
        if (distinct.isEmpty()) {
            return unknown;
        }
        List<Long> tokens = new ArrayList<>(distinct);
        tokens.add(tokenizer.idOfByte(NEVER_IN_UTF8[0]));
        Set<Long> strange = equalToLast(tokens);
        for (String word : asked) {
            if (tokensOf(word).stream().anyMatch(strange::contains)) {
                unknown.add(word);
            }
        }
        return unknown;
    }

    private List<Long> tokensOf(String word) {
        List<Long> found = new ArrayList<>();
        long[] row = tokenizer.encode(word);
        for (int at = 1; row[at] != tokenizer.endToken(); at++) {
            found.add(row[at]);
        }
        return found;
    }

    /** Returns the tokens that mean the same as the last one. */
    private Set<Long> equalToLast(List<Long> tokens) {
        long[][] rows = new long[tokens.size()][];
        for (int at = 0; at < rows.length; at++) {
            rows[at] = tokenizer.encode("x");
            rows[at][1] = tokens.get(at);
        }
        float[][] embeddings = encoder.embed(rows);
        float[] last = embeddings[rows.length - 1];
        Set<Long> found = new HashSet<>();
        for (int at = 0; at + 1 < rows.length; at++) {
            double product = 0;
            for (int place = 0; place < last.length; place++) {
                product += embeddings[at][place] * last[place];
            }
            if (product >= EQUAL) {
                found.add(tokens.get(at));
            }
        }
        return found;
    }
}
