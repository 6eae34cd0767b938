package edgeidentify;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What look-alikes share, and the kind of thing that a photo probably shows where the thing itself is unsure. */
final class SharedLabels {
    private static final double LEAST_PROBABILITY = 0.5;

    private SharedLabels() {
    }

    /** Returns the labels of the first reference that all others have, too. */
    static Map<String, String> of(List<Reference> references) {
        Map<String, String> shared = new LinkedHashMap<>(references.get(0).labels);
        references.forEach(each -> shared.entrySet().retainAll(each.labels.entrySet()));
        return shared;
    }

    /** Returns the namespace of all references; empty if they have several. */
    static String namespaceOf(List<Reference> references) {
        String first = references.get(0).namespace;
        return references.stream().allMatch(each -> each.namespace.equals(first)) ? first : "";
    }

    /** Returns the most probable label; null if none is likelier than not, or all references have it. */
    static Answer.LikelyKind likelyKind(List<Reference> references, double[] confidences) {
        Map<List<String>, double[]> together = new LinkedHashMap<>(); // probability, and number of references
        int counted = 0;
        for (int at = 0; at < Math.min(references.size(), confidences.length); at++) {
            if (confidences[at] > 0) {
                counted++;
                for (Map.Entry<String, String> label : references.get(at).labels.entrySet()) {
                    double[] sum = together.computeIfAbsent(java.util.Arrays.asList(label.getKey(), label.getValue()),
                        key -> new double[2]);
                    sum[0] += confidences[at];
                    sum[1]++;
                }
            }
        }
        Answer.LikelyKind best = null;
        for (Map.Entry<List<String>, double[]> each : together.entrySet()) {
            double probability = each.getValue()[0];
            if (each.getValue()[1] < counted && probability > (best == null ? 0 : best.probability)) {
                best = new Answer.LikelyKind(each.getKey().get(0), each.getKey().get(1), probability);
            }
        }
        return best == null || best.probability < LEAST_PROBABILITY ? null : best.capped();
    }
}
