package edgeidentify;

import java.util.LinkedHashMap;
import java.util.Map;

/** Compares photos point by point with the reference images of one pack. Nets and files are loaded when they are needed. */
final class PointComparison {
    /** The most similar references that are compared. */
    static final int CANDIDATES = 10;
    private static final int KEPT_POINTS = 128; // references whose points are kept

    private final Pack pack;
    private final Runtime runtime;
    private final Map<Long, Points> known = new LinkedHashMap<>();
    private PointNet net;
    private boolean isOpened;
    private DescriptorTable descriptors;
    private ThumbnailTable thumbnails;

    PointComparison(Pack pack, Runtime runtime) {
        this.pack = pack;
        this.runtime = runtime;
    }

    /** Returns whether the pack has local features, and the app a net that runs them. */
    boolean isPossible() {
        if (!isOpened && pack.manifest.localFeatures != null) {
            net = runtime.pointNet(pack, pack.manifest.localFeatures.onnx());
        }
        isOpened = true;
        return net != null;
    }

    /** Returns the points of a photo, by the recipe for photos. */
    Points photoPoints(Image photo) {
        Manifest.LocalFeatures spec = pack.manifest.localFeatures;
        Image small = Resampling.thumbnail(photo.opaque(), spec.photoSidePx);
        return NetPoints.find(small, spec.photoSidePx, spec.photoMostPoints, spec, net);
    }

    /** Returns the points of a photo at its own size, as the self-test compares them. */
    Points selfTestPoints(Image photo) {
        Manifest.LocalFeatures spec = pack.manifest.localFeatures;
        return NetPoints.find(photo, spec.photoSidePx, spec.photoMostPoints, spec, net);
    }

    /** Returns the points that agree with a reference image; null if too few do, or the pack has none of the image. */
    PointAgreement.Agreement compare(Points photo, long indexId) {
        Points reference = pointsOf(indexId);
        return reference == null ? null : PointAgreement.find(photo, reference, pack.manifest.localFeatures.leastSimilarity);
    }

    /** Returns the pack's thumbnails; null if it has none. */
    ThumbnailTable thumbnails() {
        String path = pack.manifest.thumbnailsFile;
        if (thumbnails == null && path != null) {
            thumbnails = new ThumbnailTable(pack.file(path), path);
        }
        return thumbnails;
    }

    private Points pointsOf(long indexId) {
        if (!known.containsKey(indexId)) {
            known.put(indexId, read(indexId));
            if (known.size() > KEPT_POINTS) {
                known.remove(known.keySet().iterator().next());
            }
        }
        return known.get(indexId);
    }

    private Points read(long indexId) {
        Manifest.LocalFeatures spec = pack.manifest.localFeatures;
        if (spec.descriptorsFile != null) {
            if (descriptors == null) {
                descriptors = new DescriptorTable(pack.file(spec.descriptorsFile), spec.dim, spec.referenceMostPoints,
                    pack.manifest.indexCount, spec.descriptorsFile);
            }
            return descriptors.points(indexId);
        }
        byte[] webp = thumbnails().webp(indexId);
        if (webp == null) {
            return null;
        }
        Image image = runtime.decode(webp);
        if (Math.max(image.width, image.height) > pack.manifest.thumbnailSidePx) {
            throw EdgeIdentifyException.damaged(pack.manifest.thumbnailsFile, "the thumbnail of image " + indexId + " is "
                + image.width + " x " + image.height + " pixels, more than " + pack.manifest.thumbnailSidePx);
        }
        return NetPoints.find(image, spec.referenceSidePx, spec.referenceMostPoints, spec, net);
    }
}
