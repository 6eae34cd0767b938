package edgeidentify;

import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;

/** The FAISS index file of a pack (FORMAT.md, "The index"), and its exact search by cosine similarity. */
public final class IndexFile {
    /** Best first; equal scores by id. */
    static final Comparator<Neighbour> BEST_FIRST =
        Comparator.comparingDouble((Neighbour each) -> -each.score).thenComparingLong(each -> each.id);

    /** A vector that was found. */
    public static final class Neighbour {
        public final long id;
        public final float score;

        Neighbour(long id, float score) {
            this.id = id;
            this.score = score;
        }
    }

    final int dim;
    final int count;
    private final String where;
    private final float[] values;
    private final byte[] codes;
    private final int codesAt;
    private final long[] ids;
    private final float[] offset;
    private final float[] scale;

    /**
     * Reads an index. The array is kept.
     *
     * @param data the file, whose hash was checked
     * @param kind {@code flat} or {@code sq8}, from the manifest like {@code dim} and {@code count}
     */
    public IndexFile(byte[] data, String kind, int dim, int count, String where) {
        this.where = where;
        this.dim = dim;
        this.count = count;
        ByteCursor cursor = new ByteCursor(data, where);
        header(cursor, "IxM2");
        if (kind.equals("flat")) {
            header(cursor, "IxFI");
            cursor.expect((long) dim * count, "values");
            values = cursor.floats((long) dim * count);
            codes = null;
            codesAt = 0;
            offset = new float[dim];
            scale = new float[dim];
            Arrays.fill(scale, 1);
        } else {
            float[] trained = quantiser(cursor);
            offset = new float[dim];
            scale = new float[dim];
            for (int at = 0; at < dim; at++) { // FAISS decodes to the middle of a step
                offset[at] = trained[at] + trained[dim + at] * (0.5f / 255);
                scale[at] = trained[dim + at] / 255;
            }
            cursor.expect((long) dim * count, "code bytes");
            values = null;
            codes = data;
            codesAt = cursor.skip((long) dim * count);
        }
        cursor.expect(count, "ids");
        ids = cursor.longs(count);
        cursor.finish();
    }

    /**
     * Returns the nearest vectors of a photo, best first; a vector's score is that of its best view. Equal scores are
     * ordered by id.
     *
     * @param views unit vectors
     * @param among the ids that can be found; null for all
     */
    public List<Neighbour> nearest(float[][] views, int k, Set<Long> among) {
        return nearest(views, k, among == null ? null : rowsOf(among));
    }

    /** Returns the nearest among some rows; null for all. */
    List<Neighbour> nearest(float[][] views, int k, int[] rows) {
        int compared = rows == null ? count : rows.length;
        float[] best = new float[compared];
        Arrays.fill(best, Float.NEGATIVE_INFINITY);
        for (float[] view : views) {
            score(view, rows, best);
        }
        PriorityQueue<Neighbour> kept = new PriorityQueue<>(Collections.reverseOrder(BEST_FIRST));
        for (int at = 0; at < compared; at++) {
            if (Float.isNaN(best[at]) || Float.isInfinite(best[at])) {
                throw EdgeIdentifyException.damaged(where, "holds NaN or infinite values");
            }
            if (kept.size() < k || best[at] >= kept.peek().score) {
                kept.add(new Neighbour(ids[rows == null ? at : rows[at]], best[at]));
                if (kept.size() > k) {
                    kept.poll();
                }
            }
        }
        Neighbour[] found = kept.toArray(new Neighbour[0]);
        Arrays.sort(found, BEST_FIRST);
        return Arrays.asList(found);
    }

    long[] ids() {
        return ids;
    }

    private int[] rowsOf(Set<Long> among) {
        int[] rows = new int[count];
        int found = 0;
        for (int row = 0; row < count; row++) {
            if (among.contains(ids[row])) {
                rows[found++] = row;
            }
        }
        return Arrays.copyOf(rows, found);
    }

    /** Raises the best scores. q . (offset + scale * code) = q . offset + (q * scale) . code: no code is decoded. */
    private void score(float[] view, int[] rows, float[] best) {
        if (view.length != dim) {
            throw EdgeIdentifyException.damaged(where, "holds vectors of " + dim + " numbers, the encoder makes " + view.length);
        }
        float[] weights = new float[dim];
        double base = 0;
        for (int at = 0; at < dim; at++) {
            weights[at] = view[at] * scale[at];
            base += view[at] * offset[at];
        }
        for (int at = 0; at < best.length; at++) {
            int row = rows == null ? at : rows[at];
            double sum = codes == null ? ofValues(weights, row * dim) : ofCodes(weights, codesAt + row * dim);
            best[at] = Math.max(best[at], (float) (base + sum));
        }
    }

    private double ofValues(float[] weights, int from) {
        double sum = 0;
        for (int at = 0; at < dim; at++) {
            sum += (double) weights[at] * values[from + at];
        }
        return sum;
    }

    private double ofCodes(float[] weights, int from) {
        double one = 0; // several sums at once: faster
        double two = 0;
        int at = 0;
        for (; at + 1 < dim; at += 2) {
            one += weights[at] * (codes[from + at] & 255);
            two += weights[at + 1] * (codes[from + at + 1] & 255);
        }
        return one + two + (at < dim ? weights[at] * (codes[from + at] & 255) : 0);
    }

    private float[] quantiser(ByteCursor cursor) {
        header(cursor, "IxSQ");
        int type = cursor.i32();
        cursor.skip(8); // how the ranges were found
        if (type != 0 || cursor.i64() != dim || cursor.i64() != dim) {
            throw cursor.damaged("its quantiser is not SQ8");
        }
        cursor.expect(2L * dim, "quantiser values");
        return cursor.floats(2L * dim);
    }

    private void header(ByteCursor cursor, String fourcc) {
        String found = cursor.ascii(4);
        int foundDim = cursor.i32();
        long rows = cursor.i64();
        cursor.skip(16); // two numbers that nobody uses
        boolean isTrained = cursor.u8() == 1;
        int metric = cursor.i32();
        if (!found.equals(fourcc) || foundDim != dim || rows != count || !isTrained || metric != 0) {
            throw cursor.damaged("has no structure " + fourcc + " of " + count + " vectors of " + dim);
        }
    }
}
