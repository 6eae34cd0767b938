package edgeidentify;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The binary codes of a large index ({@code index.signs}), and search by a shortlist of the least Hamming distances.
 *
 * <p>All rows of a distance are in the shortlist, or none: every client has the same. The index scores them.
 */
public final class BinaryCodes {
    private static final int ROWS_ALIGNED_BYTES = 64;
    private static final int LEAST_ASKED = 400;
    private static final int ASKED_PER_ANSWER = 40;
    private static final int MOST_SHARE = 20; // beyond a twentieth of the rows, the whole index is scanned

    private final IndexFile index;
    private final float[] mean;
    private final long[] words;
    private final int rowWords;

    /** Reads the codes of an index from a file whose hash was checked. */
    public BinaryCodes(byte[] data, IndexFile index, String where) {
        this.index = index;
        ByteCursor cursor = new ByteCursor(data, where);
        rowWords = (index.dim + 63) / 64;
        String magic = cursor.ascii(8);
        boolean isRight = cursor.i32() == index.dim & cursor.i32() == 8 * rowWords & cursor.i64() == index.count;
        if (!magic.equals("EISIGNS1") || !isRight) {
            throw cursor.damaged("holds other codes than those of " + index.count + " vectors of " + index.dim);
        }
        mean = cursor.floats(index.dim);
        for (float value : mean) {
            if (Float.isNaN(value) || Float.isInfinite(value)) {
                throw cursor.damaged("its mean holds NaN or infinite values");
            }
        }
        cursor.skip(Math.floorMod(-cursor.position(), ROWS_ALIGNED_BYTES));
        int rowsAt = cursor.skip(8L * rowWords * index.count);
        cursor.finish();
        words = new long[rowWords * index.count];
        ByteBuffer.wrap(data, rowsAt, 8 * words.length).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(words);
    }

    /** Returns the nearest vectors of a photo, as {@link IndexFile#nearest} does; a few may be missed. */
    public List<IndexFile.Neighbour> nearest(float[][] views, int k) {
        Map<Long, IndexFile.Neighbour> best = new HashMap<>();
        for (float[] view : views) {
            for (IndexFile.Neighbour each : index.nearest(new float[][] {view}, k, shortlist(view, k))) {
                best.merge(each.id, each, (one, other) -> one.score < other.score ? other : one);
            }
        }
        List<IndexFile.Neighbour> found = new ArrayList<>(best.values());
        found.sort(IndexFile.BEST_FIRST);
        return found.subList(0, Math.min(k, found.size()));
    }

    /** Returns rows; null if a scan of the whole index costs no more. */
    private int[] shortlist(float[] view, int k) {
        long asked = Math.max(LEAST_ASKED, (long) ASKED_PER_ANSWER * k);
        if (asked * MOST_SHARE > index.count) {
            return null;
        }
        short[] distances = distances(view);
        for (; asked * MOST_SHARE <= index.count; asked *= 2) {
            int[] rows = nearer(distances, (int) asked);
            if (rows.length >= asked / 2) {
                return rows;
            }
        }
        return null;
    }

    private short[] distances(float[] view) {
        long[] query = new long[rowWords];
        for (int at = 0; at < Math.min(view.length, mean.length); at++) {
            if (view[at] > mean[at]) {
                query[at >> 6] |= 1L << at;
            }
        }
        short[] distances = new short[index.count];
        for (int row = 0; row < distances.length; row++) {
            int sum = 0;
            for (int at = 0; at < rowWords; at++) {
                sum += Long.bitCount(words[row * rowWords + at] ^ query[at]);
            }
            distances[row] = (short) sum; // at most 8,192
        }
        return distances;
    }

    /** Returns the rows that are strictly nearer than the {@code asked}-th nearest, rising. */
    private int[] nearer(short[] distances, int asked) {
        int[] histogram = new int[64 * rowWords + 1];
        for (short distance : distances) {
            histogram[distance]++;
        }
        int limit = 0;
        int together = histogram[0];
        while (together < asked) {
            together += histogram[++limit];
        }
        int[] rows = new int[together];
        int found = 0;
        for (int row = 0; row < distances.length; row++) {
            if (distances[row] < limit) {
                rows[found++] = row;
            }
        }
        return Arrays.copyOf(rows, found);
    }
}
