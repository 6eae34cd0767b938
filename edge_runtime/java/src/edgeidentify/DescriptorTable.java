package edgeidentify;

import java.util.HashMap;
import java.util.Map;

/** The descriptors file of a pack: the points of reference images, 4 bits a number. FORMAT.md has the layout. */
public final class DescriptorTable {
    private static final int STEPS_PER_PX = 32;
    private static final int OFFSET = 8;

    private final ByteCursor cursor;
    private final byte[] data;
    private final int dim;
    private final int pointBytes;
    private final int rowsAt;
    private final Map<Long, int[]> images = new HashMap<>(); // the first point, the number of points, width, height

    /** Reads a file whose hash was checked. The array is kept. The other numbers are from the manifest. */
    public DescriptorTable(byte[] data, int dim, int mostPoints, int mostImages, String where) {
        this.data = data;
        this.dim = dim;
        pointBytes = 4 + (dim + 1) / 2;
        cursor = new ByteCursor(data, where);
        if (!cursor.ascii(8).equals("EIPOINT1")) {
            throw cursor.damaged("does not begin like a descriptors file");
        }
        boolean isRight = cursor.i32() == dim & cursor.i32() == mostPoints;
        long count = cursor.i64();
        if (!isRight || count < 0 || count > mostImages) {
            throw cursor.damaged("holds other points than the manifest says");
        }
        rowsAt = readImages((int) count, mostPoints);
        cursor.finish();
    }

    private int readImages(int count, int mostPoints) {
        long first = 0;
        long last = Long.MIN_VALUE;
        for (int at = 0; at < count; at++) {
            long id = cursor.i64();
            long begin = cursor.i64();
            int points = cursor.u16();
            int width = cursor.u16();
            int height = cursor.u16();
            cursor.u16();
            if (at > 0 && id <= last || begin != first) {
                throw cursor.damaged("its images are not in rising order, or do not follow each other");
            }
            if (points > mostPoints || width == 0 || height == 0) {
                throw cursor.damaged("an image has more than " + mostPoints + " points, or no size");
            }
            images.put(id, new int[] {(int) first, points, width, height});
            first += points;
            last = id;
        }
        return cursor.skip(first * pointBytes);
    }

    /** Returns the points of an image; null if the file has none of it. */
    public Points points(long indexId) {
        int[] image = images.get(indexId);
        if (image == null) {
            return null;
        }
        float[] positions = new float[2 * image[1]];
        float[] descriptors = new float[dim * image[1]];
        for (int at = 0; at < image[1]; at++) {
            int from = rowsAt + (image[0] + at) * pointBytes;
            int across = data[from] & 255 | (data[from + 1] & 255) << 8;
            int down = data[from + 2] & 255 | (data[from + 3] & 255) << 8;
            if (across > image[2] * STEPS_PER_PX || down > image[3] * STEPS_PER_PX) {
                throw cursor.damaged("image " + indexId + " has a point outside its pixels");
            }
            positions[2 * at] = across / (float) STEPS_PER_PX - 0.5f;
            positions[2 * at + 1] = down / (float) STEPS_PER_PX - 0.5f;
            unpack(from + 4, descriptors, dim * at);
        }
        return new Points(image[2], image[3], positions, descriptors, dim);
    }

    /** Unpacks a unit vector: two numbers a byte, the first in the low half, each plus 8. */
    private void unpack(int from, float[] to, int start) {
        int squares = 0;
        for (int at = 0; at < dim; at++) {
            int pair = data[from + at / 2] & 255;
            int value = (at % 2 == 1 ? pair >> 4 : pair & 15) - OFFSET;
            to[start + at] = value;
            squares += value * value;
        }
        float length = (float) Math.max(1, Math.sqrt(squares));
        for (int at = 0; at < dim; at++) {
            to[start + at] /= length;
        }
    }
}
