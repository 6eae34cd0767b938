package edgeidentify;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A reference with the image of it that is nearest to a photo. */
final class Nearest {
    /** The nearest references of each of several photos that are compared. */
    static final int DEPTH = 200;
    private static final Comparator<Nearest> BEST_FIRST =
        Comparator.comparingDouble((Nearest each) -> -each.score).thenComparingLong(each -> each.indexId);

    final String referenceId;
    final double score;
    final long indexId;

    Nearest(String referenceId, double score, long indexId) {
        this.referenceId = referenceId;
        this.score = score;
        this.indexId = indexId;
    }

    static double[] scores(List<Nearest> ranked) {
        return ranked.stream().mapToDouble(each -> each.score).toArray();
    }

    /**
     * Returns the references of several photos of one thing, best first, each with the image nearest to any photo. A
     * reference's score is its mean over the photos.
     */
    static List<Nearest> fused(List<List<Nearest>> photos) {
        List<List<Nearest>> first = new ArrayList<>();
        photos.forEach(found -> first.add(found.subList(0, Math.min(DEPTH, found.size()))));
        Map<String, Nearest> best = new LinkedHashMap<>();
        mean(first).forEach(each -> best.put(each.referenceId, each));
        if (photos.stream().anyMatch(found -> found.size() > DEPTH)) {
            mean(photos).forEach(each -> best.putIfAbsent(each.referenceId, each));
        }
        return new ArrayList<>(best.values());
    }

    private static List<Nearest> mean(List<List<Nearest>> photos) {
        List<Nearest> all = new ArrayList<>();
        photos.forEach(all::addAll);
        all.sort(BEST_FIRST);
        Map<String, Nearest> pictures = new LinkedHashMap<>();
        all.forEach(each -> pictures.putIfAbsent(each.referenceId, each));
        Map<String, Double> sums = new HashMap<>();
        for (List<Nearest> found : photos) {
            Map<String, Double> scores = new HashMap<>();
            found.forEach(each -> scores.put(each.referenceId, each.score));
            // A missing reference scored at most as much as the lowest that was found.
            double least = found.stream().mapToDouble(each -> each.score).min().orElse(0);
            pictures.keySet().forEach(id -> sums.merge(id, scores.getOrDefault(id, least), Double::sum));
        }
        List<Nearest> ranked = new ArrayList<>();
        pictures.values().forEach(each -> ranked.add(
            new Nearest(each.referenceId, sums.get(each.referenceId) / photos.size(), each.indexId)));
        ranked.sort(BEST_FIRST);
        return ranked;
    }
}
