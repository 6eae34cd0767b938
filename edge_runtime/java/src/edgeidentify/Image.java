package edgeidentify;

import java.util.Arrays;

/** An upright image: RGB or RGBA (not premultiplied), 8 bits, row by row from the top. */
public final class Image {
    /** More pixels are refused. */
    public static final int MAX_PIXELS = 100_000_000;

    public final byte[] data;
    public final int width;
    public final int height;

    /** Takes 3 or 4 numbers for each pixel. The array is not copied. */
    public Image(byte[] data, int width, int height) {
        long count = (long) width * height;
        if (width < 1 || height < 1 || count > MAX_PIXELS) {
            throw EdgeIdentifyException.photo("the photo has " + width + " x " + height + " pixels; 1 to "
                + MAX_PIXELS / 1_000_000 + " million are read");
        }
        if (data.length != 3 * count && data.length != 4 * count) {
            throw EdgeIdentifyException.photo("the photo has " + data.length + " numbers for " + width + " x " + height
                + " pixels; give 3 (RGB) or 4 (RGBA) for each");
        }
        this.data = data;
        this.width = width;
        this.height = height;
    }

    /**
     * Takes pixels as Android's {@code Bitmap.getPixels} gives them: alpha, red, green and blue in each number. Android
     * gives them not premultiplied.
     */
    public static Image ofArgb(int[] argb, int width, int height) {
        byte[] data = new byte[4 * argb.length];
        for (int at = 0; at < argb.length; at++) {
            data[4 * at] = (byte) (argb[at] >> 16);
            data[4 * at + 1] = (byte) (argb[at] >> 8);
            data[4 * at + 2] = (byte) argb[at];
            data[4 * at + 3] = (byte) (argb[at] >> 24);
        }
        return new Image(data, width, height);
    }

    /** Returns a region as an image of its own; it must lie inside. */
    public Image cropped(int left, int top, int width, int height) {
        boolean isInside = left >= 0 && top >= 0 && width > 0 && height > 0
            && width <= this.width - left && height <= this.height - top;
        if (!isInside) {
            throw EdgeIdentifyException.photo("the region " + left + "," + top + "," + width + "," + height
                + " is not inside the photo of " + this.width + " x " + this.height + " pixels");
        }
        int channels = data.length / (this.width * this.height);
        byte[] part = new byte[channels * width * height];
        for (int row = 0; row < height; row++) {
            int from = channels * ((top + row) * this.width + left);
            System.arraycopy(data, from, part, channels * width * row, channels * width);
        }
        return new Image(part, width, height);
    }

    /** Returns the image as RGB, with transparency laid over white, as Pillow does it. */
    Image opaque() {
        int count = width * height;
        if (data.length == 3 * count) {
            return this;
        }
        boolean isFlat = hasEmptyAlpha();
        byte[] rgb = new byte[3 * count];
        for (int at = 0; at < count; at++) {
            int alpha = isFlat ? 255 : data[4 * at + 3] & 255;
            for (int channel = 0; channel < 3; channel++) {
                rgb[3 * at + channel] = (byte) overWhite(data[4 * at + channel] & 255, alpha);
            }
        }
        return new Image(rgb, width, height);
    }

    private static int overWhite(int value, int alpha) {
        if (alpha == 255 || alpha == 0) {
            return alpha == 0 ? 255 : value;
        }
        // Pillow blends with 7 further bits, and divides by 255 with two shifts.
        int mixed = value * (alpha * 128) + 255 * (255 - alpha) * 128 + (0x80 << 7);
        return ((mixed >> 8) + mixed >> 8) >> 7;
    }

    /** Returns whether alpha is 0 everywhere, over more than one colour: then it means nothing. */
    private boolean hasEmptyAlpha() {
        boolean isOneColour = true;
        for (int at = 0; at < data.length; at += 4) {
            if (data[at + 3] != 0) {
                return false;
            }
            isOneColour &= Arrays.equals(Arrays.copyOfRange(data, at, at + 3), Arrays.copyOf(data, 3));
        }
        return !isOneColour;
    }
}
