package edgeidentify;

/** The image tower of a pack, loaded. README.md has a sample with ONNX Runtime. */
public interface ImageEncoder {
    /**
     * Embeds images.
     *
     * @param pixels RGB, count x size x size x 3, as {@link Preprocessing} makes them: the graph's uint8 input
     * @param count the number of images
     * @return a unit vector for each image
     */
    float[][] embed(byte[] pixels, int count);
}
