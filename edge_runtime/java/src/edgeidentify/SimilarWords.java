package edgeidentify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Words that differ from a typed one by a typing error: a letter too many, too few, another one, or two swapped. */
final class SimilarWords {
    private static final int PAIRS_PER_ERROR = 3; // swapping two neighbours changes three pairs of letters
    private static final int LETTERS_OF_ONE = 4;
    private static final int LETTERS_OF_TWO = 8;

    private final List<String> words = new ArrayList<>();
    private final Map<String, List<Integer>> having = new HashMap<>();

    SimilarWords(Collection<String> vocabulary) {
        for (String word : vocabulary) {
            if (word.length() >= LETTERS_OF_ONE) {
                pairs(word).forEach(pair -> having.computeIfAbsent(pair, key -> new ArrayList<>()).add(words.size()));
                words.add(word);
            }
        }
    }

    /** Returns the words that a typed word may stand for, with their number of errors. */
    Map<String, Integer> near(String typed) {
        Set<String> wanted = pairs(typed);
        Map<Integer, Integer> shared = new HashMap<>();
        for (String pair : wanted) {
            having.getOrDefault(pair, new ArrayList<>()).forEach(at -> shared.merge(at, 1, Integer::sum));
        }
        Map<String, Integer> found = new HashMap<>();
        shared.forEach((at, count) -> {
            String word = words.get(at);
            int most = word.length() >= LETTERS_OF_TWO ? 2 : 1;
            if (count >= wanted.size() - PAIRS_PER_ERROR * most) {
                int errors = distance(typed, word, most);
                if (errors > 0 && errors <= most) {
                    found.put(word, errors);
                }
            }
        });
        return found;
    }

    /** Returns the least number of typing errors (optimal string alignment); {@code most + 1} if there are more. */
    static int distance(String typed, String word, int most) {
        if (Math.abs(typed.length() - word.length()) > most) {
            return most + 1;
        }
        int[] earlier = new int[0];
        int[] before = new int[0];
        int[] row = new int[word.length() + 1];
        Arrays.setAll(row, at -> at);
        for (int at = 1; at <= typed.length(); at++) {
            earlier = before;
            before = row;
            row = new int[word.length() + 1];
            row[0] = at;
            for (int column = 1; column < row.length; column++) {
                boolean isOther = typed.charAt(at - 1) != word.charAt(column - 1);
                row[column] = Math.min(Math.min(before[column], row[column - 1]) + 1, before[column - 1] + (isOther ? 1 : 0));
                boolean isSwap = at > 1 && column > 1 && typed.charAt(at - 1) == word.charAt(column - 2)
                    && typed.charAt(at - 2) == word.charAt(column - 1);
                if (isSwap) {
                    row[column] = Math.min(row[column], earlier[column - 2] + 1);
                }
            }
        }
        return Math.min(row[word.length()], most + 1);
    }

    /** Returns whether, in a word with one error, a letter is left out or two are swapped, not a wrong or further one. */
    static boolean isSlip(String typed, String word) {
        return typed.length() < word.length() || typed.length() == word.length() && letters(typed).equals(letters(word));
    }

    /** Returns whether one only has a letter twice where the other has it once. */
    static boolean isDoubling(String one, String other) {
        String shorter = one.length() < other.length() ? one : other;
        String longer = one.length() < other.length() ? other : one;
        if (longer.length() != shorter.length() + 1) {
            return false;
        }
        int at = 0;
        while (at < shorter.length() && shorter.charAt(at) == longer.charAt(at)) {
            at++;
        }
        return at > 0 && longer.charAt(at) == longer.charAt(at - 1) && longer.substring(at + 1).equals(shorter.substring(at));
    }

    private static Set<String> pairs(String word) {
        String framed = " " + word + " ";
        Set<String> found = new HashSet<>();
        for (int at = 0; at + 2 <= framed.length(); at++) {
            found.add(framed.substring(at, at + 2));
        }
        return found;
    }

    private static String letters(String word) {
        List<String> signs = Folding.signs(word);
        signs.sort(CodePoints.ORDER);
        return String.join("", signs);
    }
}
