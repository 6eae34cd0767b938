package edgeidentify;

/**
 * Resizing as Pillow does it for 8-bit RGB: antialiased, in two passes, with 22-bit fixed-point weights.
 *
 * <p>Equal in every bit to Pillow, which no resizing of Android's is. Source of the rules: Pillow's {@code Resample.c} and
 * {@code Reduce.c}, by their arithmetic.
 */
final class Resampling {
    private static final int PRECISION_BITS = 22;

    private Resampling() {
    }

    /** Resizes a whole image, across and then down. */
    static Image resized(Image image, int width, int height, boolean isBicubic) {
        byte[] across = across(image.data, image.width, image.height, width, new double[] {0, image.width}, isBicubic);
        return new Image(down(across, width, image.height, height, new double[] {0, image.height}, isBicubic), width, height);
    }

    /** Makes an RGB image smaller until its longer side has a length, as Pillow's {@code thumbnail}: first by whole factors. */
    static Image thumbnail(Image image, int sidePx) {
        if (Math.max(image.width, image.height) <= sidePx) {
            return image;
        }
        int[] size = thumbnailSize(image, sidePx);
        int across = Math.max(1, image.width / size[0] / 2);
        int down = Math.max(1, image.height / size[1] / 2);
        Image small = across > 1 || down > 1 ? reduced(image, across, down) : image;
        // The last block may be incomplete: the part that is resized ends within it.
        double[] width = {0, (double) image.width / across};
        double[] height = {0, (double) image.height / down};
        byte[] wide = across(small.data, small.width, small.height, size[0], width, true);
        return new Image(down(wide, size[0], small.height, size[1], height, true), size[0], size[1]);
    }

    /** Resizes the span of each row to a width. */
    static byte[] across(byte[] rgb, int width, int height, int outWidth, double[] span, boolean isBicubic) {
        if (outWidth == width && span[0] == 0 && span[1] == width) {
            return rgb;
        }
        int[] first = new int[outWidth];
        int[][] weights = weights(width, span, outWidth, isBicubic, first);
        byte[] out = new byte[outWidth * height * 3];
        for (int row = 0; row < height; row++) {
            for (int at = 0; at < outWidth; at++) {
                int red = 1 << (PRECISION_BITS - 1);
                int green = red;
                int blue = red;
                int from = 3 * (row * width + first[at]);
                for (int weight : weights[at]) {
                    red += (rgb[from] & 255) * weight;
                    green += (rgb[from + 1] & 255) * weight;
                    blue += (rgb[from + 2] & 255) * weight;
                    from += 3;
                }
                int to = 3 * (row * outWidth + at);
                out[to] = clipped(red);
                out[to + 1] = clipped(green);
                out[to + 2] = clipped(blue);
            }
        }
        return out;
    }

    /** Resizes the span of each column to a height. */
    static byte[] down(byte[] rgb, int width, int height, int outHeight, double[] span, boolean isBicubic) {
        if (outHeight == height && span[0] == 0 && span[1] == height) {
            return rgb;
        }
        int[] first = new int[outHeight];
        int[][] weights = weights(height, span, outHeight, isBicubic, first);
        int stride = 3 * width;
        byte[] out = new byte[stride * outHeight];
        for (int row = 0; row < outHeight; row++) {
            for (int x = 0; x < stride; x++) {
                int sum = 1 << (PRECISION_BITS - 1);
                int from = first[row] * stride + x;
                for (int weight : weights[row]) {
                    sum += (rgb[from] & 255) * weight;
                    from += stride;
                }
                out[row * stride + x] = clipped(sum);
            }
        }
        return out;
    }

    private static byte clipped(int sum) {
        return (byte) Math.max(0, Math.min(255, sum >> PRECISION_BITS));
    }

    /** Returns the weights of each output pixel, and its first input pixel in {@code first}. */
    private static int[][] weights(int length, double[] span, int outLength, boolean isBicubic, int[] first) {
        float start = (float) span[0]; // Pillow passes the edges as 32-bit floats
        double scale = (double) ((float) span[1] - start) / outLength;
        double stretch = Math.max(scale, 1);
        double reach = (isBicubic ? 2 : 1) * stretch;
        int[][] weights = new int[outLength][];
        for (int at = 0; at < outLength; at++) {
            double centre = start + (at + 0.5) * scale;
            first[at] = Math.max(0, (int) (centre - reach + 0.5));
            int end = Math.min(length, (int) (centre + reach + 0.5));
            double[] values = new double[end - first[at]];
            for (int x = 0; x < values.length; x++) {
                values[x] = shape((x + first[at] - centre + 0.5) * (1 / stretch), isBicubic);
            }
            weights[at] = fixedPoint(values);
        }
        return weights;
    }

    private static int[] fixedPoint(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        int[] found = new int[values.length];
        for (int at = 0; at < values.length; at++) {
            double share = (sum == 0 ? values[at] : values[at] / sum) * (1 << PRECISION_BITS);
            found[at] = (int) (share < 0 ? share - 0.5 : share + 0.5);
        }
        return found;
    }

    private static double shape(double offset, boolean isBicubic) {
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

    private static int[] thumbnailSize(Image image, int sidePx) {
        double aspect = (double) image.width / image.height;
        if (aspect <= 1) {
            int below = (int) Math.floor(sidePx * aspect);
            int above = (int) Math.ceil(sidePx * aspect);
            double errorAbove = Math.abs(aspect - (double) above / sidePx);
            double errorBelow = Math.abs(aspect - (double) below / sidePx);
            return new int[] {Math.max(1, errorAbove < errorBelow ? above : below), sidePx};
        }
        int below = (int) Math.floor(sidePx / aspect);
        int above = (int) Math.ceil(sidePx / aspect);
        double errorAbove = above == 0 ? 0 : Math.abs(aspect - (double) sidePx / above);
        double errorBelow = below == 0 ? 0 : Math.abs(aspect - (double) sidePx / below);
        return new int[] {sidePx, Math.max(1, errorAbove < errorBelow ? above : below)};
    }

    /** Returns an image of which each pixel is the mean of a block; the last blocks may be smaller. */
    private static Image reduced(Image image, int acrossPx, int downPx) {
        int width = (image.width + acrossPx - 1) / acrossPx;
        int height = (image.height + downPx - 1) / downPx;
        byte[] out = new byte[3 * width * height];
        for (int y = 0; y < height; y++) {
            int bottom = Math.min((y + 1) * downPx, image.height);
            for (int x = 0; x < width; x++) {
                int right = Math.min((x + 1) * acrossPx, image.width);
                int count = (bottom - y * downPx) * (right - x * acrossPx);
                long factor = (1 << 24) / count;
                for (int channel = 0; channel < 3; channel++) {
                    long sum = count >> 1;
                    for (int row = y * downPx; row < bottom; row++) {
                        for (int column = x * acrossPx; column < right; column++) {
                            sum += image.data[3 * (row * image.width + column) + channel] & 255;
                        }
                    }
                    out[3 * (y * width + x) + channel] = (byte) (sum * factor >> 24);
                }
            }
        }
        return new Image(out, width, height);
    }
}
