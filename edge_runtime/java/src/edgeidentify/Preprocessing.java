package edgeidentify;

/** From an upright image to the encoder's pixels. Mean, deviation and channel order are inside the encoder's graph. */
public final class Preprocessing {
    public final int sizePx;
    public final String resizeMode;
    public final String interpolation;
    private final double[] photoViews;

    /** Takes the recipe of a manifest: {@code shortest-side} or {@code squash}, {@code pillow-bicubic} or {@code pillow-bilinear}. */
    public Preprocessing(int sizePx, String resizeMode, String interpolation, double[] photoViews) {
        this.sizePx = sizePx;
        this.resizeMode = resizeMode;
        this.interpolation = interpolation;
        this.photoViews = photoViews.clone();
    }

    /** Returns the number of views of a photo. */
    public int viewCount() {
        return photoViews.length;
    }

    /** Returns the share of the kept part that each view shows. */
    public double[] photoViewShares() {
        return photoViews.clone();
    }

    /** Returns the pixels of each view of a photo, one after the other: RGB, views x size x size x 3. */
    public byte[] photoViews(Image photo) {
        return views(photo, photoViews);
    }

    /** Returns the pixels as for a reference image: one view, the whole kept part. */
    public byte[] pixels(Image image) {
        return views(image, new double[] {1});
    }

    private byte[] views(Image photo, double[] shares) {
        Image image = photo.opaque();
        boolean isSquash = resizeMode.equals("squash");
        double[] across = isSquash ? new double[] {0, image.width} : keptSpan(image.width, image.height);
        double[] down = isSquash ? new double[] {0, image.height} : keptSpan(image.height, image.width);
        byte[] views = new byte[shares.length * sizePx * sizePx * 3];
        for (int view = 0; view < shares.length; view++) {
            byte[] square = square(image, middle(across, shares[view], image.width), middle(down, shares[view], image.height));
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

    /** Resizes the rows that the filter reaches, then the columns. */
    private byte[] square(Image image, double[] x, double[] y) {
        boolean isBicubic = interpolation.equals("pillow-bicubic");
        double margin = 2 * Math.max(1, (y[1] - y[0]) / sizePx) + 1;
        int first = (int) Math.max(0, Math.floor(y[0] - margin));
        int rows = (int) Math.min(image.height, Math.ceil(y[1] + margin)) - first;
        byte[] band = new byte[rows * image.width * 3];
        System.arraycopy(image.data, first * image.width * 3, band, 0, band.length);
        byte[] across = Resampling.across(band, image.width, rows, sizePx, x, isBicubic);
        return Resampling.down(across, sizePx, rows, sizePx, new double[] {y[0] - first, y[1] - first}, isBicubic);
    }
}
