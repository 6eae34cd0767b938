package edgeidentify;

/** The local-feature net of a pack, loaded. */
public interface PointNet {
    /** What the net computes from one image. */
    final class Maps {
        /** The output {@code descriptors}: dim x rows x columns numbers. */
        public final float[] descriptors;
        /** The output {@code heat}: height x width numbers, one for each pixel. */
        public final float[] heat;
        /** The output {@code reliability}: rows x columns numbers. */
        public final float[] reliability;
        public final int rows;
        public final int columns;

        public Maps(float[] descriptors, float[] heat, float[] reliability, int rows, int columns) {
            this.descriptors = descriptors;
            this.heat = heat;
            this.reliability = reliability;
            this.rows = rows;
            this.columns = columns;
        }
    }

    /**
     * Runs the net on one image.
     *
     * @param pixels RGB, height x width x 3: the graph's uint8 input
     */
    Maps run(byte[] pixels, int width, int height);
}
