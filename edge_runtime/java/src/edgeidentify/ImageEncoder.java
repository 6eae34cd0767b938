package edgeidentify;

/** The image tower of a pack. An app implements it with ONNX Runtime; README.md has a sample. */
public interface ImageEncoder {
    /**
     * Embeds images.
     *
     * @param pixels RGB, count x size x size x 3, as {@link Preprocessing} makes them
     * @param count the number of images
     * @return a unit vector for each image
     */
    float[][] embed(byte[] pixels, int count);
}
