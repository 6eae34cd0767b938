package edgeidentify;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/** The FAISS index file of a pack (FORMAT.md, "The index"), and its exact search. */
public final class IndexFile {
    /** A vector that was found. */
    public static final class Neighbour {
        public final long id;
        public final float score;

        Neighbour(long id, float score) {
            this.id = id;
            this.score = score;
        }
    }

    private final String where;
    private final ByteBuffer file;
    private final int dim;
    private final int count;
    private final boolean isFlat;
    private int codesAt;
    private long[] ids;
    private final float[] offset;
    private final float[] scale;

    /**
     * Reads an index.
     *
     * @param data the file, whose hash was checked
     * @param kind {@code flat} or {@code sq8}, from the manifest like {@code dim} and {@code count}
     */
    public IndexFile(byte[] data, String kind, int dim, int count, String where) {
        this.where = where;
        this.dim = dim;
        this.count = count;
        this.isFlat = kind.equals("flat");
        this.offset = new float[dim];
        this.scale = new float[dim];
        file = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        header("IxM2");
        if (isFlat) {
            header("IxFI");
            expect((long) dim * count);
            java.util.Arrays.fill(scale, 1);
            codesAt = skip(4L * dim * count);
        } else {
            readSq8();
        }
        expect(count);
        need(8L * count);
        ids = new long[count];
        for (int row = 0; row < count; row++) {
            ids[row] = file.getLong();
        }
        if (file.hasRemaining()) {
            throw PackException.damaged(where, "has " + file.remaining() + " bytes after its end");
        }
    }

    /**
     * Returns the nearest vectors of a photo, best first; a vector's score is that of its best view. Equal scores are
     * ordered by id.
     *
     * @param among the ids that can be found; null for all
     */
    public List<Neighbour> nearest(float[][] views, int k, Set<Long> among) {
        List<Neighbour> found = new ArrayList<>();
        double[][] weights = new double[views.length][];
        double[] base = new double[views.length];
        for (int view = 0; view < views.length; view++) {
            weights[view] = weights(views[view]);
            for (int at = 0; at < dim; at++) {
                base[view] += views[view][at] * offset[at];
            }
        }
        for (int row = 0; row < count; row++) {
            if (among != null && !among.contains(ids[row])) {
                continue;
            }
            float best = Float.NEGATIVE_INFINITY;
            for (int view = 0; view < views.length; view++) {
                best = Math.max(best, (float) (base[view] + dot(weights[view], row)));
            }
            if (Float.isNaN(best) || Float.isInfinite(best)) {
                throw PackException.damaged(where, "holds NaN or infinite values");
            }
            found.add(new Neighbour(ids[row], best));
        }
        found.sort(Comparator.comparingDouble((Neighbour each) -> -each.score).thenComparingLong(each -> each.id));
        return found.subList(0, Math.min(k, found.size()));
    }

    private double[] weights(float[] query) {
        if (query.length != dim) {
            throw PackException.damaged(where, "holds vectors of " + dim + " numbers, the encoder makes " + query.length);
        }
        double[] found = new double[dim];
        for (int at = 0; at < dim; at++) {
            found[at] = query[at] * scale[at];
        }
        return found;
    }

    private double dot(double[] weights, int row) {
        double sum = 0;
        for (int at = 0; at < dim; at++) {
            int place = row * dim + at;
            sum += weights[at] * (isFlat ? file.getFloat(codesAt + 4 * place) : file.get(codesAt + place) & 255);
        }
        return sum;
    }

    private void readSq8() {
        header("IxSQ");
        need(28);
        int type = file.getInt();
        file.position(file.position() + 8);
        if (type != 0 || file.getLong() != dim || file.getLong() != dim) {
            throw PackException.damaged(where, "its quantiser is not SQ8");
        }
        expect(2L * dim);
        need(8L * dim);
        float[] trained = new float[2 * dim];
        for (int at = 0; at < trained.length; at++) {
            trained[at] = file.getFloat();
        }
        for (int at = 0; at < dim; at++) { // FAISS decodes to the middle of a step
            offset[at] = trained[at] + trained[dim + at] * (0.5f / 255);
            scale[at] = trained[dim + at] / 255;
        }
        expect((long) dim * count);
        codesAt = skip((long) dim * count);
    }

    private void header(String fourcc) {
        need(37);
        byte[] found = new byte[4];
        file.get(found);
        int foundDim = file.getInt();
        long rows = file.getLong();
        file.position(file.position() + 16);
        boolean isTrained = file.get() == 1;
        int metric = file.getInt();
        boolean isRight = new String(found, java.nio.charset.StandardCharsets.ISO_8859_1).equals(fourcc);
        if (!isRight || foundDim != dim || rows != count || !isTrained || metric != 0) {
            throw PackException.damaged(where, "has no structure " + fourcc + " of " + count + " vectors of " + dim);
        }
    }

    private void expect(long expected) {
        need(8);
        long found = file.getLong();
        if (found != expected) {
            throw PackException.damaged(where, "announces " + found + " values where " + expected + " were expected");
        }
    }

    private int skip(long length) {
        need(length);
        int start = file.position();
        file.position(start + (int) length);
        return start;
    }

    private void need(long length) {
        if (length > file.remaining()) {
            throw PackException.damaged(where, "ends after " + file.limit() + " bytes");
        }
    }
}
