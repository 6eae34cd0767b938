package edgeidentify;

/**
 * What the app gives: graphs and images. {@code pack.file(variant.model)} returns the checked bytes of a graph; an app
 * that opens it by its path instead calls this first.
 */
public interface Runtime {
    /** Loads an image tower. */
    ImageEncoder imageEncoder(Pack pack, Manifest.Variant variant);

    /** Decodes an image file to an upright image, colour profiles ignored: WebP thumbnails, and the self-test's photos. */
    Image decode(byte[] file);

    /** Loads a text tower; null if the app searches by a pack's own words alone. */
    default TextEncoder textEncoder(Pack pack, Manifest.Variant variant) {
        return null;
    }

    /** Loads the local-feature net; null if the app compares no points. */
    default PointNet pointNet(Pack pack, Manifest.Variant variant) {
        return null;
    }
}
