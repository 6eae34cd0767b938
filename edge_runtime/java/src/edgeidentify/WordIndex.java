package edgeidentify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * An index of a pack's own words: ids, names, labels, namespaces and attributes. As {@code search/words/word_index.py}.
 *
 * <p>The order has no weights. What counts first comes first: an exact id or name, how much the found words tell (the
 * logarithm of how rare they are), how they were found, where, and how much of the name they are.
 */
public final class WordIndex {
    private static final int MOST_WORDS = 64;
    private static final int MOST_JOINED = 64;
    private static final int LEAST_PREFIX = 2;
    private static final int LEAST_KNOWN_PREFIX = 4;
    private static final int MOST_PREFIXED = 1000;
    private static final int FIELDS = 65536; // kinds of labels and attributes; further ones share the last number
    // How a word of a reference agrees with a typed word, best first.
    private static final int WHOLE = 0;
    private static final int DOUBLED = 1;
    private static final int PREFIX = 2;
    private static final int SLIP = 3;
    private static final int REPEATED = 4;
    private static final int ONE_ERROR = 5;
    private static final int TWO_ERRORS = 6;
    /** The order in which fields count. */
    private static final List<String> STANDING = Arrays.asList("name", "id", "label", "namespace", "attribute");
    private static final int NAME = 0;
    private static final int ID = 1;
    private static final int NAMESPACE = 2;

    /** A reference that has words of a text. */
    public static final class Hit {
        public final String referenceId;
        /** The number of references that stand as well or better. */
        public final int rank;
        public final boolean isExact;
        public final List<TextReason> reasons;

        Hit(String referenceId, int rank, boolean isExact, List<TextReason> reasons) {
            this.referenceId = referenceId;
            this.rank = rank;
            this.isExact = isExact;
            this.reasons = reasons;
        }
    }

    /** How one typed word agrees with a reference. */
    private static final class Found implements Comparable<Found> {
        double untold;
        int manner;
        int place;
        int field;
        String typed;
        String meant;

        @Override
        public int compareTo(Found other) {
            return Comparator.comparingDouble((Found each) -> each.untold).thenComparingInt(each -> each.manner)
                .thenComparingInt(each -> each.place).thenComparingInt(each -> each.field)
                .thenComparing(each -> each.typed, CodePoints.ORDER).thenComparing(each -> each.meant, CodePoints.ORDER)
                .compare(this, other);
        }
    }

    private final List<String[]> fields = new ArrayList<>(); // where, and the kind of label or name of the attribute
    private final Map<List<String>, Integer> numbers = new HashMap<>();
    private final List<String> ids = new ArrayList<>();
    private final List<Integer> nameLengths = new ArrayList<>();
    // Each reference with the field, as one number: by joined id and name, and by word.
    private final Map<String, List<Long>> named = new LinkedHashMap<>();
    private final Map<String, List<Long>> having = new HashMap<>();
    private final TreeSet<String> vocabulary = new TreeSet<>();
    private SimilarWords similar;

    /** Indexes references, in the order of their ids. */
    public WordIndex(Iterable<Reference> references) {
        fields.add(new String[] {"name", ""});
        fields.add(new String[] {"id", ""});
        fields.add(new String[] {"namespace", ""});
        references.forEach(this::add);
        vocabulary.addAll(having.keySet());
        vocabulary.addAll(named.keySet());
    }

    /**
     * Returns the references that have words of a text, best first.
     *
     * @param among the ids that can be found; null for all
     */
    public List<Hit> find(String text, int most, Set<String> among) {
        String plain = Folding.folded(CodePoints.first(text, Folding.MOST_CHARACTERS));
        Map<Integer, Integer> exact = new HashMap<>(); // the field of each reference; an id comes before a name
        List<Long> entries = named.getOrDefault(Folding.joined(plain), Collections.emptyList());
        for (int at = entries.size() - 1; at >= 0; at--) {
            exact.put((int) (entries.get(at) / FIELDS), (int) (entries.get(at) % FIELDS));
        }
        Map<Integer, Map<Integer, Found>> found = evidence(plain);
        Set<Integer> candidates = new LinkedHashSet<>(exact.keySet());
        candidates.addAll(found.keySet());
        candidates.removeIf(at -> among != null && !among.contains(ids.get(at)));
        Map<Integer, List<Double>> standings = new HashMap<>();
        candidates.forEach(at -> standings.put(at, standing(exact.get(at), evidenceFor(found, at))));
        Comparator<List<Double>> better = WordIndex::compare;
        TreeMap<List<Double>, Integer> ranks = new TreeMap<>(better);
        standings.values().forEach(each -> ranks.merge(each, 1, Integer::sum));
        int together = 0;
        for (Map.Entry<List<Double>, Integer> each : ranks.entrySet()) {
            together += each.getValue();
            each.setValue(together);
        }
        List<Integer> order = new ArrayList<>(candidates);
        order.sort(Comparator.comparing((Integer at) -> standings.get(at), better)
            .thenComparing(nameLengths::get).thenComparing(ids::get, CodePoints.ORDER));
        List<Hit> hits = new ArrayList<>();
        for (int at : order.subList(0, Math.min(most, order.size()))) {
            List<TextReason> reasons = reasons(exact.get(at), evidenceFor(found, at));
            hits.add(new Hit(ids.get(at), ranks.get(standings.get(at)), exact.containsKey(at), reasons));
        }
        return hits;
    }

    private void add(Reference reference) {
        int at = ids.size();
        ids.add(reference.id);
        String name = Folding.folded(reference.name);
        String id = Folding.folded(reference.id);
        nameLengths.add(CodePoints.count(name));
        if (!id.equals(name)) {
            addNamed(at, ID, id);
        }
        addNamed(at, NAME, name);
        addWords(at, NAMESPACE, Folding.folded(reference.namespace));
        reference.labels.forEach((key, value) -> addValue(at, "label", key, value));
        reference.attributes.forEach((key, value) -> addValue(at, "attribute", key, value));
    }

    private void addNamed(int at, int field, String plain) {
        append(named, Folding.joined(plain), (long) at * FIELDS + field);
        addWords(at, field, plain);
    }

    private void addValue(int at, String foundIn, String key, String value) {
        int field = numbers.computeIfAbsent(Arrays.asList(foundIn, key), name -> {
            if (fields.size() < FIELDS) {
                fields.add(new String[] {foundIn, key});
            }
            return fields.size() - 1;
        });
        addWords(at, field, Folding.folded(CodePoints.first(value, Folding.MOST_CHARACTERS)));
    }

    private void addWords(int at, int field, String plain) {
        Folding.distinctWords(plain).forEach(word -> append(having, word, (long) at * FIELDS + field));
    }

    /** Returns, for each reference, its best evidence for each word of the text. */
    private Map<Integer, Map<Integer, Found>> evidence(String plain) {
        Map<Integer, Map<Integer, Found>> found = new HashMap<>();
        typedWords(plain).forEach((typed, words) -> {
            boolean isWhole = words.size() > 1;
            Set<Integer> told = new HashSet<>();
            meant(typed, isWhole).forEach((manner, meant) -> {
                meant.forEach(word -> entries(word, isWhole).forEach(entry -> told.add((int) (entry / FIELDS))));
                double untold = -Math.log((ids.size() + 1.0) / Math.max(1, told.size()));
                for (String word : meant) {
                    for (long entry : entries(word, isWhole)) {
                        Found each = new Found();
                        each.untold = untold;
                        each.manner = manner;
                        each.field = (int) (entry % FIELDS);
                        each.place = STANDING.indexOf(fields.get(each.field)[0]);
                        each.typed = typed;
                        each.meant = word;
                        Map<Integer, Found> known = found.computeIfAbsent((int) (entry / FIELDS), key -> new TreeMap<>());
                        words.forEach(number ->
                            known.merge(number, each, (before, now) -> now.compareTo(before) < 0 ? now : before));
                    }
                }
            });
        });
        return found;
    }

    private List<Long> entries(String word, boolean isWhole) {
        List<Long> found = new ArrayList<>(named.getOrDefault(word, Collections.emptyList()));
        if (!isWhole) {
            found.addAll(having.getOrDefault(word, Collections.emptyList()));
        }
        return found;
    }

    /** Returns the words that a typed word may stand for, by manner, the best first. */
    private Map<Integer, List<String>> meant(String typed, boolean isWhole) {
        boolean isKnown = named.containsKey(typed) || !isWhole && having.containsKey(typed);
        Map<Integer, List<String>> meant = new TreeMap<>();
        if (!isKnown || isWhole) {
            similar().near(typed).forEach((word, errors) ->
                append(meant, errors == 1 ? mannerOfOne(typed, word) : TWO_ERRORS, word));
        }
        if (isKnown) {
            meant.put(WHOLE, Collections.singletonList(typed));
        }
        if (CodePoints.count(typed) >= (isKnown ? LEAST_KNOWN_PREFIX : LEAST_PREFIX)) {
            meant.put(PREFIX, beginning(typed));
        }
        return meant;
    }

    private List<String> beginning(String typed) {
        List<String> words = new ArrayList<>();
        int looked = 0;
        for (String word : vocabulary.tailSet(typed)) {
            if (!word.startsWith(typed) || ++looked > MOST_PREFIXED) {
                break;
            }
            if (!word.equals(typed)) {
                words.add(word);
            }
        }
        return words;
    }

    private SimilarWords similar() {
        if (similar == null) {
            List<String> some = new ArrayList<>(vocabulary);
            some.removeIf(word -> word.length() > MOST_JOINED);
            similar = new SimilarWords(some);
        }
        return similar;
    }

    private List<TextReason> reasons(Integer exactField, Collection<Found> evidence) {
        Map<Integer, Map<String, String>> corrected = new LinkedHashMap<>();
        if (exactField != null) {
            corrected.put(exactField, new LinkedHashMap<>());
        }
        for (Found each : evidence) {
            Map<String, String> words = corrected.computeIfAbsent(each.field, key -> new LinkedHashMap<>());
            if (each.manner != WHOLE && each.manner != PREFIX) {
                words.put(each.typed, each.meant);
            }
        }
        List<TextReason> reasons = new ArrayList<>();
        corrected.forEach((field, words) ->
            reasons.add(new TextReason(fields.get(field)[0], fields.get(field)[1], field.equals(exactField), words)));
        return reasons;
    }

    private static Collection<Found> evidenceFor(Map<Integer, Map<Integer, Found>> found, int at) {
        return found.getOrDefault(at, Collections.emptyMap()).values();
    }

    /** Returns the sort key of a reference: smaller is better. */
    private static List<Double> standing(Integer exactField, Collection<Found> evidence) {
        double untold = evidence.stream().mapToDouble(each -> each.untold).sum();
        return Arrays.asList(
            exactField == null ? 1.0 : 0.0,
            exactField != null && exactField == NAME ? 1.0 : 0.0, // an id is of one thing, a name may be of several
            Math.rint(untold * 1e9) / 1e9, // whatever the order of the words
            evidence.stream().mapToDouble(each -> each.manner).sum(),
            evidence.stream().mapToDouble(each -> each.place).sum());
    }

    private static int compare(List<Double> one, List<Double> other) {
        int found = 0;
        for (int at = 0; at < one.size() && found == 0; at++) {
            found = Double.compare(one.get(at), other.get(at));
        }
        return found;
    }

    private static int mannerOfOne(String typed, String word) {
        if (SimilarWords.isDoubling(typed, word)) {
            return typed.length() < word.length() ? DOUBLED : REPEATED;
        }
        return SimilarWords.isSlip(typed, word) ? SLIP : ONE_ERROR;
    }

    /** Returns the words of a folded text, and its parts and itself as one word, each with the numbers of its words. */
    private static Map<String, List<Integer>> typedWords(String plain) {
        List<String> words = new ArrayList<>();
        List<String> parts = Folding.parts(plain);
        parts.forEach(part -> words.addAll(Folding.words(part)));
        Set<String> distinct = new LinkedHashSet<>(words);
        List<String> telling = new ArrayList<>(distinct);
        telling.removeAll(Folding.FILLERS);
        Map<String, List<Integer>> typed = new LinkedHashMap<>();
        for (String word : telling.isEmpty() ? distinct : telling) {
            if (typed.size() < MOST_WORDS) {
                typed.put(word, Collections.singletonList(typed.size()));
            }
        }
        Map<String, List<Integer>> single = new HashMap<>(typed);
        for (String part : parts) {
            addWhole(Folding.joined(part), Folding.words(part), single, typed);
        }
        addWhole(Folding.joined(plain), words, single, typed);
        return typed;
    }

    private static void addWhole(String whole, List<String> words, Map<String, List<Integer>> single, Map<String, List<Integer>> typed) {
        Set<Integer> known = new LinkedHashSet<>();
        words.forEach(word -> known.addAll(single.getOrDefault(word, Collections.emptyList())));
        if (words.size() > 1 && !known.isEmpty() && whole.length() <= MOST_JOINED) {
            typed.putIfAbsent(whole, new ArrayList<>(known));
        }
    }

    private static <K, V> void append(Map<K, List<V>> lists, K key, V value) {
        lists.computeIfAbsent(key, absent -> new ArrayList<>()).add(value);
    }
}
