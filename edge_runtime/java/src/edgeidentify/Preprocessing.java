package edgeidentify;

/** From an upright RGB image to the encoder's pixels: Pillow's antialiased resizing, equal in every bit. */
public final class Preprocessing {
    private static final int PRECISION_BITS = 22;
    private final int sizePx;
    private final boolean isSquash;
    private final boolean isBicubic;
    private final double[] photoViews;

    /** Takes the recipe of a manifest: {@code shortest-side} or {@code squash}, {@code pillow-bicubic} or {@code pillow-bilinear}. */
    public Preprocessing(int sizePx, String resizeMode, String interpolation, double[] photoViews) {
        this.sizePx = sizePx;
        this.isSquash = resizeMode.equals("squash");
        this.isBicubic = interpolation.equals("pillow-bicubic");
        this.photoViews = photoViews.clone();
    }

    /**
     * Returns the pixels of each view of a photo, one after the other.
     *
     * @param rgb width x height x 3 bytes, row by row from the top
     */
    public byte[] photoViews(byte[] rgb, int width, int height) {
        double[] across = isSquash ? new double[] {0, width} : keptSpan(width, height);
        double[] down = isSquash ? new double[] {0, height} : keptSpan(height, width);
        byte[] views = new byte[photoViews.length * sizePx * sizePx * 3];
        for (int view = 0; view < photoViews.length; view++) {
            double[] x = middle(across, photoViews[view], width);
            double[] y = middle(down, photoViews[view], height);
            byte[] square = square(rgb, width, height, x, y);
            System.arraycopy(square, 0, views, view * square.length, square.length);
        }
        return views;
    }

    private double[] keptSpan(int length, int other) {
        if (length <= other) {
            return new double[] {0, length};
        }
        long scaled = (long) sizePx * length / other;
        long offset = (scaled - sizePx) / 2;
        return new double[] {(double) offset * length / scaled, (double) (offset + sizePx) * length / scaled};
    }

    private static double[] middle(double[] span, double share, int most) {
        double left = share == 1 ? 0 : (span[1] - span[0]) * (1 - share) / 2;
        return new double[] {span[0] + left, Math.min(span[1] - left, most)};
    }

    private byte[] square(byte[] rgb, int width, int height, double[] x, double[] y) {
        double margin = 2 * Math.max(1, (y[1] - y[0]) / sizePx) + 1;
        int first = (int) Math.max(0, Math.floor(y[0] - margin));
        int rows = (int) Math.min(height, Math.ceil(y[1] + margin)) - first;
        byte[] band = new byte[rows * width * 3];
        System.arraycopy(rgb, first * width * 3, band, 0, band.length);
        byte[] across = pass(band, width, rows, x, true);
        return pass(across, sizePx, rows, new double[] {y[0] - first, y[1] - first}, false);
    }

    /** Resizes along one axis. */
    private byte[] pass(byte[] rgb, int width, int height, double[] span, boolean isAcross) {
        int length = isAcross ? width : height;
        if (length == sizePx && span[0] == 0 && span[1] == length) {
            return rgb;
        }
        int outWidth = isAcross ? sizePx : width;
        int outHeight = isAcross ? height : sizePx;
        int step = isAcross ? 3 : 3 * width;
        byte[] out = new byte[outWidth * outHeight * 3];
        float start = (float) span[0]; // Pillow passes the edges as 32-bit floats
        double scale = (double) ((float) span[1] - start) / sizePx;
        double stretch = Math.max(scale, 1);
        double reach = (isBicubic ? 2 : 1) * stretch;
        for (int at = 0; at < sizePx; at++) {
            double centre = start + (at + 0.5) * scale;
            int from = Math.max(0, (int) (centre - reach + 0.5));
            int[] weights = weights(from, Math.min(length, (int) (centre + reach + 0.5)), centre, stretch);
            for (int line = 0; line < (isAcross ? height : width); line++) {
                for (int channel = 0; channel < 3; channel++) {
                    int place = (isAcross ? line * width * 3 + from * 3 : from * step + line * 3) + channel;
                    int sum = 1 << (PRECISION_BITS - 1);
                    for (int weight : weights) {
                        sum += (rgb[place] & 255) * weight;
                        place += step;
                    }
                    int to = (isAcross ? line * outWidth + at : at * outWidth + line) * 3 + channel;
                    out[to] = (byte) Math.max(0, Math.min(255, sum >> PRECISION_BITS));
                }
            }
        }
        return out;
    }

    private int[] weights(int from, int end, double centre, double stretch) {
        double[] values = new double[end - from];
        double sum = 0;
        for (int at = 0; at < values.length; at++) {
            values[at] = shape((at + from - centre + 0.5) * (1 / stretch));
            sum += values[at];
        }
        int[] weights = new int[values.length];
        for (int at = 0; at < values.length; at++) {
            double share = (sum == 0 ? values[at] : values[at] / sum) * (1 << PRECISION_BITS);
            weights[at] = (int) (share < 0 ? share - 0.5 : share + 0.5);
        }
        return weights;
    }

    private double shape(double offset) {
        double x = Math.abs(offset);
        if (!isBicubic) {
            return x < 1 ? 1 - x : 0;
        }
        double a = -0.5;
        if (x < 1) {
            return ((a + 2) * x - (a + 3)) * x * x + 1;
        }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }
}
