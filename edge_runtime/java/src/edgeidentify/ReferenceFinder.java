package edgeidentify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** From embeddings to answers: the index, the table of references, and the decision. */
final class ReferenceFinder {
    final ReferenceTable references;
    private final Manifest manifest;
    private final IndexFile index;
    private final BinaryCodes codes;

    ReferenceFinder(Pack pack) {
        manifest = pack.manifest;
        byte[] data = pack.file(manifest.indexFile);
        index = new IndexFile(data, manifest.indexKind, manifest.dim, manifest.indexCount, manifest.indexFile);
        String signs = manifest.binaryCodesFile;
        codes = signs == null ? null : new BinaryCodes(pack.file(signs), index, signs);
        references = new ReferenceTable(pack.file(manifest.referencesFile), manifest.referencesFile);
    }

    /** Answers one photo or text, or several photos of one thing; {@code photos} are the embeddings of their views. */
    Answer answer(List<float[][]> photos, Options options, int topK, String variant, Calibration calibration) {
        int candidates = calibration == null ? 1 : calibration.neighbours;
        candidates = options.position == null || calibration == null ? candidates : Math.max(Evidence.PLACE_CANDIDATES, candidates);
        boolean isFiltered = !options.filters.areNone();
        Set<Long> among = isFiltered ? options.filters.passingIndexIds(references) : null;
        List<Nearest> ranked = ranked(photos, Math.max(topK, candidates), among);
        List<Nearest> everyone = isFiltered && calibration != null ? ranked(photos, candidates, null) : null;
        if (calibration == null) {
            return answer(ranked, null, null, options, topK, variant);
        }
        return decided(ranked, everyone, candidates, options, topK, variant, calibration);
    }

    /** Returns references with their similarities to an embedding, best first; none for one without an image. */
    List<Answer.Match> matchesOf(float[] embedding, Collection<String> referenceIds) {
        Set<Long> images = new HashSet<>();
        referenceIds.forEach(id -> images.addAll(references.imagesOf(id)));
        if (images.isEmpty()) {
            return Collections.emptyList();
        }
        List<Nearest> ranked = ranked(Collections.singletonList(new float[][] {embedding}), referenceIds.size(), images);
        List<Answer.Match> found = new ArrayList<>();
        ranked.forEach(each -> found.add(builder(each).build()));
        return found;
    }

    /** Reads every reference and every image once, as an answer may need any of them. */
    void checkReferences() {
        int found = references.checkAll(index.ids());
        if (found != manifest.referenceCount) {
            String message = "holds " + found + " references, the manifest says " + manifest.referenceCount;
            throw EdgeIdentifyException.damaged(manifest.referencesFile, message);
        }
    }

    /** Returns distinct references, best first, each with its best image. */
    private List<Nearest> ranked(List<float[][]> photos, int wanted, Set<Long> among) {
        if (photos.size() == 1) {
            return nearest(photos.get(0), wanted, among);
        }
        List<List<Nearest>> found = new ArrayList<>();
        photos.forEach(views -> found.add(nearest(views, Math.max(wanted, Nearest.DEPTH), among)));
        List<Nearest> fused = Nearest.fused(found);
        return fused.subList(0, Math.min(wanted, fused.size()));
    }

    private List<Nearest> nearest(float[][] views, int wanted, Set<Long> among) {
        // One reference may have several of the nearest rows. This many rows contain the wanted references for certain.
        int rows = (int) Math.min(index.count, (long) wanted * manifest.mostImagesPerReference);
        // A shortlist by binary codes may miss a few selected vectors, so those are all compared.
        boolean isShortlisted = codes != null && among == null;
        List<IndexFile.Neighbour> found = isShortlisted ? codes.nearest(views, rows) : index.nearest(views, rows, among);
        Map<String, Nearest> distinct = new LinkedHashMap<>();
        for (IndexFile.Neighbour each : found) {
            if (distinct.size() == wanted) {
                break;
            }
            String id = references.referenceIdOf(each.id);
            distinct.putIfAbsent(id, new Nearest(id, each.score, each.id));
        }
        return new ArrayList<>(distinct.values());
    }

    private Answer decided(List<Nearest> ranked, List<Nearest> everyone, int candidates, Options options, int topK,
        String variant, Calibration calibration) {
        // With a filter, the evidence still comes from the whole pack: among few references every photo stands out.
        List<Nearest> crowd = new ArrayList<>(everyone == null ? ranked : everyone);
        String first = ranked.get(0).referenceId;
        crowd.removeIf(each -> each.referenceId.equals(first));
        crowd.add(0, ranked.get(0));
        // A photo with a position has more candidates. The decision by similarity alone uses as many as without one.
        int looked = Math.min(Math.max(topK, calibration.neighbours), ranked.size());
        double[] crowdScores = Nearest.scores(crowd);
        Decision vision = Decision.of(Nearest.scores(ranked.subList(0, looked)), crowdScores, calibration);
        if (options.position != null) {
            List<Nearest> some = ranked.subList(0, Math.min(candidates, ranked.size()));
            Answer placed = placed(some, ranked, everyone, crowdScores, vision, options, topK, variant, calibration);
            if (placed != null) {
                return placed;
            }
        }
        return answer(ranked, vision, null, options, topK, variant);
    }

    /** Returns the answer with the photo's position; null if it changes nothing. */
    private Answer placed(List<Nearest> candidates, List<Nearest> ranked, List<Nearest> everyone, double[] crowd, Decision vision,
        Options options, int topK, String variant, Calibration calibration) {
        double density = Evidence.meanNearness(options.position, references.coordinates().values());
        double[] scores = placeScores(candidates, options.position, density);
        double mostGain = everyone == null ? Double.POSITIVE_INFINITY
            : Evidence.placeGain(Nearest.scores(everyone), placeScores(everyone, options.position, density), calibration);
        // All candidates within a filter may have the same place score, and the gain without the filter be negative.
        if (!Evidence.distinguishes(scores)) {
            mostGain = Math.min(mostGain, 0);
            if (mostGain == 0) {
                return null;
            }
        }
        Decision.Ranked found = Evidence.withPlace(Nearest.scores(candidates), scores, crowd, mostGain, calibration);
        List<Nearest> ordered = new ArrayList<>();
        Arrays.stream(found.order).forEach(at -> ordered.add(candidates.get(at)));
        List<Nearest> beyond = ranked.subList(candidates.size(), ranked.size());
        ordered.addAll(beyond);
        PlaceFacts facts = new PlaceFacts(scores, found.order, vision);
        return answer(ordered, found.decision.withOthers(beyond.size()), facts, options, topK, variant);
    }

    private double[] placeScores(List<Nearest> some, Position position, double density) {
        return some.stream().mapToDouble(each ->
            Evidence.placeScore(position, references.coordinates().get(each.referenceId), density)).toArray();
    }

    /** What the position says of each candidate. */
    private static final class PlaceFacts {
        final double[] scores;
        final int[] order;
        final Decision vision;

        PlaceFacts(double[] scores, int[] order, Decision vision) {
            this.scores = scores;
            this.order = order;
            this.vision = vision;
        }
    }

    private Answer answer(List<Nearest> ranked, Decision decision, PlaceFacts facts, Options options, int topK, String variant) {
        List<Answer.Match> matches = new ArrayList<>();
        for (Nearest each : ranked.subList(0, Math.min(topK, ranked.size()))) {
            int at = matches.size();
            Answer.Match.Builder match = builder(each);
            match.confidence = decision == null ? null : decision.confidences[at];
            if (facts != null && at < facts.order.length) {
                double[] place = references.coordinates().get(each.referenceId);
                Position here = options.position;
                match.distanceM = place == null ? null
                    : (Double) Position.distanceM(here.latitude, here.longitude, place[0], place[1]);
                match.placeScore = facts.scores[facts.order[at]];
                double[] vision = facts.vision.confidences;
                match.visionConfidence = facts.order[at] < vision.length ? vision[facts.order[at]] : 0;
            }
            matches.add(match.build());
        }
        List<Reference> alike = new ArrayList<>();
        for (int at = 0; decision != null && at < decision.lookAlikeCount; at++) {
            alike.add(references.reference(ranked.get(at).referenceId));
        }
        Answer.LikelyKind kind = decision == null || decision.word.equals("identified") ? null : likelyKind(ranked, decision);
        return new Answer(manifest, variant, decision, matches, alike, kind, options.position, options.filters);
    }

    private Answer.LikelyKind likelyKind(List<Nearest> ranked, Decision decision) {
        List<Reference> known = new ArrayList<>();
        List<Double> confidences = new ArrayList<>();
        for (int at = 0; at < Math.min(ranked.size(), decision.confidences.length); at++) {
            if (decision.confidences[at] > 0) {
                known.add(references.reference(ranked.get(at).referenceId));
                confidences.add(decision.confidences[at]);
            }
        }
        return SharedLabels.likelyKind(known, confidences.stream().mapToDouble(each -> each).toArray());
    }

    private Answer.Match.Builder builder(Nearest nearest) {
        Reference reference = references.reference(nearest.referenceId);
        return new Answer.Match.Builder(reference, nearest.score, nearest.indexId, references.imageFacts(nearest.indexId));
    }
}
