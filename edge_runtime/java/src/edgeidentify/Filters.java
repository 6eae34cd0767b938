package edgeidentify;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** Which references can be found. A name that the pack does not have is an error, not an empty answer. */
public final class Filters {
    /** No filters. */
    public static final Filters NONE = new Filters();
    private static final int MOST_NAMED = 5; // names in an error: one line
    private static final int MOST_ERRORS = 4;
    private static final Pattern MARKS = Pattern.compile("\\p{Mn}");
    private static final Pattern BETWEEN = Pattern.compile("[-_\\s\\p{Z}]+");

    /** In one of these; all if it is empty. */
    public final Set<String> namespaces = new LinkedHashSet<>();
    /** For each kind of label, its permitted values. */
    public final Map<String, Set<String>> labels = new LinkedHashMap<>();

    /** Returns filters that also permit only these namespaces. */
    public Filters inNamespaces(String... names) {
        Filters found = copy();
        found.namespaces.addAll(Arrays.asList(names));
        return found;
    }

    /** Returns filters that also permit only references with one of these values of a kind of label. */
    public Filters withLabel(String kind, String... values) {
        Filters found = copy();
        found.labels.put(kind, new LinkedHashSet<>(Arrays.asList(values)));
        return found;
    }

    private Filters copy() {
        Filters found = new Filters();
        found.namespaces.addAll(namespaces);
        found.labels.putAll(labels);
        return found;
    }

    boolean areNone() {
        return namespaces.isEmpty() && labels.isEmpty();
    }

    /** Returns the filters with every name as the pack spells it. */
    Filters asStored(ReferenceTable references) {
        Filters found = new Filters();
        namespaces.forEach(name -> found.namespaces.addAll(knownAs(name, references.namespaces(), "namespace")));
        labels.forEach((given, values) -> {
            for (String kind : knownAs(given, references.labelKinds(), "kind of label")) {
                Set<String> stored = found.labels.computeIfAbsent(kind, key -> new LinkedHashSet<>());
                values.forEach(value ->
                    stored.addAll(knownAs(value, references.labelValues(kind), "label of kind \"" + kind + "\"")));
            }
        });
        return found;
    }

    /** Returns the index ids of all images whose references pass, at least one. */
    Set<Long> passingIndexIds(ReferenceTable references) {
        Set<Long> passing = references.indexIds(asStored(references));
        if (passing.isEmpty()) {
            throw EdgeIdentifyException.setup("no reference passes all filters " + namespaces + " " + labels + "; leave one out");
        }
        return passing;
    }

    private static List<String> knownAs(String name, Collection<String> known, String what) {
        List<String> found = new ArrayList<>();
        List<String> near = new ArrayList<>();
        String plain = plain(name);
        for (String each : known) {
            if (Normalizer.normalize(each, Normalizer.Form.NFC).equals(Normalizer.normalize(name, Normalizer.Form.NFC))) {
                found.add(each);
            }
            if (SimilarWords.distance(plain, plain(each), MOST_ERRORS) <= MOST_ERRORS) {
                near.add(each);
            }
        }
        if (found.isEmpty()) {
            List<String> shown = near.isEmpty() ? new ArrayList<>(known) : near;
            String names = String.join(", ", shown.subList(0, Math.min(MOST_NAMED, shown.size())));
            throw EdgeIdentifyException.setup("the pack has no " + what + " \"" + name + "\"; "
                + (near.isEmpty() ? "it has " : "the nearest are ") + (names.isEmpty() ? "none" : names));
        }
        return found;
    }

    private static String plain(String text) {
        String letters = MARKS.matcher(Normalizer.normalize(text, Normalizer.Form.NFKD)).replaceAll("");
        String folded = letters.toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT);
        return BETWEEN.matcher(folded).replaceAll(" ").trim();
    }
}
