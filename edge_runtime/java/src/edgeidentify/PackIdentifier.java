package edgeidentify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * Identifies photos with one pack, and searches it by text.
 *
 * <p>Its methods may be called from one thread at a time: give it a thread of its own.
 */
public final class PackIdentifier {
    public final Manifest manifest;
    final Pack pack;
    final PointComparison comparison;
    final ReferenceFinder finder;
    final TextSearcher searcher;
    private final Runtime runtime;
    private final ImageEncoder encoder;
    private final String variantName;
    private final Calibration calibration;

    private PackIdentifier(Pack pack, Runtime runtime) {
        this.pack = pack;
        this.runtime = runtime;
        manifest = pack.manifest;
        Manifest.Variant variant = manifest.imageVariant(pack.variantNames);
        variantName = variant.name;
        String path = manifest.calibrationFile;
        Calibration.File calibrations = path == null ? Calibration.File.empty() : Calibration.File.parse(pack.file(path), path);
        calibration = calibrations.photos.get(variantName);
        finder = new ReferenceFinder(pack);
        searcher = new TextSearcher(pack, runtime, finder, calibrations.texts);
        comparison = new PointComparison(pack, runtime);
        encoder = runtime.imageEncoder(pack, variant);
    }

    /**
     * Opens a pack whose files are in a storage: those of {@link Manifest#variantsToKeep}.
     *
     * @throws EdgeIdentifyException a file is damaged, or no encoder of the pack runs here
     */
    public static PackIdentifier open(Storage storage, Runtime runtime) {
        return new PackIdentifier(Pack.read(storage), runtime);
    }

    /** Opens a pack that was read. */
    public static PackIdentifier open(Pack pack, Runtime runtime) {
        return new PackIdentifier(pack, runtime);
    }

    /** Identifies one photo. */
    public Answer identify(Image photo, Options options) {
        return identifyTogether(Collections.singletonList(photo), options);
    }

    /** Returns one answer from several photos of the same thing. */
    public Answer identifyTogether(List<Image> photos, Options options) {
        if (photos.isEmpty()) {
            throw EdgeIdentifyException.setup("no photo is given; give at least one");
        }
        boolean mayCompare = mayCompare(options);
        List<float[][]> views = new ArrayList<>();
        photos.forEach(photo -> views.add(embed(manifest.preprocessing.photoViews(photo), manifest.preprocessing.viewCount())));
        int wanted = mayCompare ? Math.max(options.topK, PointComparison.CANDIDATES) : options.topK;
        Answer found = finder.answer(views, options, wanted, variantName, calibration);
        boolean isIdentified = found.decision != null && found.decision.word.equals("identified");
        if (mayCompare && (options.verifyGeometry.equals("always") || !isIdentified)) {
            return verified(photos, found, options.topK);
        }
        return found.withMatches(found.matches.subList(0, Math.min(options.topK, found.matches.size())));
    }

    /** Returns the references that a text names or describes, best first. The answer has no decision. */
    public Answer search(String text, Options options) {
        if (text.trim().isEmpty()) {
            throw EdgeIdentifyException.setup("the text is empty; give a name, a part of one, or a description such as \"a red mosaic\"");
        }
        return searcher.search(text, options);
    }

    /** Returns the unit vector of an image, as the index has it of reference images. */
    public float[] embedImage(Image image) {
        return embed(manifest.preprocessing.pixels(image), 1)[0];
    }

    /** Compares a photo point by point with the picture of a match; null if too few points agree, or nothing can be compared. */
    public PointAgreement.Agreement compare(Image photo, Answer.Match match) {
        boolean isPossible = match.indexId != null && comparison.isPossible();
        return isPossible ? comparison.compare(comparison.photoPoints(photo), match.indexId) : null;
    }

    /** Returns the picture of a match as a small WebP; null if the pack has none. */
    public byte[] thumbnail(Answer.Match match) {
        ThumbnailTable table = match.indexId == null ? null : comparison.thumbnails();
        return table == null ? null : table.webp(match.indexId);
    }

    /** Returns a reference; null if the pack has none with this id. */
    public Reference reference(String id) {
        return finder.references.has(id) ? finder.references.reference(id) : null;
    }

    /**
     * Runs the pack's own photos on this device. Do it after an install, before the pack is used.
     *
     * @return the lowest cosine similarity to an expected embedding
     * @throws EdgeIdentifyException {@code PACK_DAMAGED}: a photo gives another embedding or other points here
     */
    public double selfTest() {
        return new SelfTest(this, runtime).run();
    }

    Answer answerOf(float[] embedding) {
        List<float[][]> photos = Collections.singletonList(new float[][] {embedding});
        return finder.answer(photos, Options.DEFAULT, 1, variantName, calibration);
    }

    float[][] embed(byte[] pixels, int count) {
        float[][] found = encoder.embed(pixels, count);
        boolean isRight = found.length == count;
        for (float[] vector : found) {
            isRight &= vector.length == manifest.dim;
            for (float value : vector) {
                isRight &= !Float.isNaN(value) && !Float.isInfinite(value);
            }
        }
        if (!isRight) {
            String model = manifest.imageVariants.get(variantName).model;
            throw EdgeIdentifyException.damaged(model, "returns NaN, or other vectors than " + count + " of " + manifest.dim);
        }
        return found;
    }

    private boolean mayCompare(Options options) {
        boolean isWanted = options.verifyGeometry.equals("always")
            || options.verifyGeometry.equals("auto") && calibration != null && calibration.points != null;
        boolean isPossible = isWanted && comparison.isPossible();
        if (!isPossible && options.verifyGeometry.equals("always")) {
            throw EdgeIdentifyException.setup("points cannot be compared: the pack has no local features, or the app no net");
        }
        return isPossible;
    }

    /** Compares the photos of an answer point by point, and decides again. */
    private Answer verified(List<Image> photos, Answer found, int topK) {
        int[] counts = new int[found.matches.size()];
        for (Image photo : photos) {
            Points points = comparison.photoPoints(photo);
            for (int at = 0; at < Math.min(PointComparison.CANDIDATES, counts.length); at++) {
                PointAgreement.Agreement agreement = comparison.compare(points, found.matches.get(at).indexId);
                // A reference counts with the photo that has the most points in common with it.
                counts[at] = Math.max(counts[at], agreement == null ? 0 : agreement.count());
            }
        }
        if (found.decision == null) {
            int[] order = Evidence.falling(Arrays.stream(counts).asDoubleStream().toArray());
            return found.withMatches(ranked(found, counts, order, null, topK));
        }
        Decision.Ranked decided = Evidence.withPoints(found.decision, counts, calibration);
        if (decided == null) {
            return found.withMatches(ranked(found, counts, Evidence.falling(new double[counts.length]), found.decision, topK));
        }
        int[] order = Arrays.stream(decided.order).filter(at -> at < counts.length).toArray();
        List<Reference> references = new ArrayList<>();
        Arrays.stream(order).forEach(at -> references.add(found.matches.get(at).reference));
        boolean isIdentified = decided.decision.word.equals("identified");
        return found.decided(decided.decision, ranked(found, counts, order, decided.decision, topK),
            references.subList(0, Math.min(decided.decision.lookAlikeCount, references.size())),
            isIdentified ? null : SharedLabels.likelyKind(references, decided.decision.confidences));
    }

    private static List<Answer.Match> ranked(Answer found, int[] counts, int[] order, Decision decision, int topK) {
        List<Answer.Match> matches = new ArrayList<>();
        for (int at = 0; at < Math.min(topK, order.length); at++) {
            Answer.Match.Builder match = new Answer.Match.Builder(found.matches.get(order[at]));
            match.matchedPoints = counts[order[at]];
            match.confidence = decision == null ? null : (Double) decision.confidences[at];
            matches.add(match.build());
        }
        return matches;
    }
}
