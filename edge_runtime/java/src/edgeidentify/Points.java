package edgeidentify;

/** The keypoints of one image. */
public final class Points {
    /** Of the image, in pixels. */
    public final int width;
    public final int height;
    /** x and y of each point in the image's pixels; pixel centres are whole numbers. */
    public final float[] positions;
    /** Unit vectors of {@code dim} numbers, one after the other. */
    public final float[] descriptors;
    public final int dim;

    public Points(int width, int height, float[] positions, float[] descriptors, int dim) {
        this.width = width;
        this.height = height;
        this.positions = positions;
        this.descriptors = descriptors;
        this.dim = dim;
    }

    /** Returns the number of points. */
    public int count() {
        return positions.length / 2;
    }
}
