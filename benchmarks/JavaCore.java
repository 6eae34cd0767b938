import edgeidentify.Image;
import edgeidentify.IndexFile;
import edgeidentify.PointAgreement;
import edgeidentify.Points;
import edgeidentify.Preprocessing;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/** CPU times of the Java core, for {@code java_core.py}: {@code java JavaCore INDEX DIM COUNT ROUNDS}. */
public final class JavaCore {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final int POINTS = 500;
    private static final int POINT_DIM = 64;

    private JavaCore() {
    }

    private interface Work {
        void run() throws IOException;
    }

    public static void main(String[] arguments) throws IOException {
        int dim = Integer.parseInt(arguments[1]);
        int count = Integer.parseInt(arguments[2]);
        int rounds = Integer.parseInt(arguments[3]);
        Random random = new Random(7);
        byte[] pixels = new byte[3 * 4000 * 3000];
        random.nextBytes(pixels);
        Image photo = new Image(pixels, 4000, 3000);
        Preprocessing recipe = new Preprocessing(224, "shortest-side", "pillow-bicubic", new double[] {1, 0.7});
        byte[] file = Files.readAllBytes(Path.of(arguments[0]));
        IndexFile index = new IndexFile(file, "sq8", dim, count, "index");
        float[][] query = {vectors(random, 1, dim)};
        Points one = points(random, POINTS);
        Points other = new Points(one.width, one.height, moved(one.positions), one.descriptors, POINT_DIM);
        String[] figures = {
            "\"resize_12_megapixels_ms\": " + median(rounds, () -> recipe.photoViews(photo)),
            "\"open_index_ms\": " + median(rounds, () -> new IndexFile(file, "sq8", dim, count, "index")),
            "\"search_ms\": " + median(rounds, () -> index.nearest(query, 20, null)),
            "\"compare_points_ms\": " + median(rounds, () -> PointAgreement.find(one, other, 0.5)),
        };
        System.out.println("{" + String.join(", ", figures) + "}");
    }

    private static double median(int rounds, Work work) throws IOException {
        double[] times = new double[rounds];
        for (int round = -2; round < rounds; round++) { // two rounds warm up
            long started = THREADS.getCurrentThreadCpuTime();
            work.run();
            times[Math.max(0, round)] = (THREADS.getCurrentThreadCpuTime() - started) / 1e6;
        }
        Arrays.sort(times);
        return Math.round(10 * times[rounds / 2]) / 10.0;
    }

    private static float[] vectors(Random random, int count, int dim) {
        float[] found = new float[count * dim];
        for (int row = 0; row < count; row++) {
            double squares = 0;
            for (int at = row * dim; at < (row + 1) * dim; at++) {
                found[at] = (float) random.nextGaussian();
                squares += found[at] * found[at];
            }
            for (int at = row * dim; at < (row + 1) * dim; at++) {
                found[at] /= Math.sqrt(squares);
            }
        }
        return found;
    }

    private static Points points(Random random, int count) {
        float[] positions = new float[2 * count];
        for (int at = 0; at < positions.length; at++) {
            positions[at] = 300 * random.nextFloat();
        }
        return new Points(300, 300, positions, vectors(random, count, POINT_DIM), POINT_DIM);
    }

    private static float[] moved(float[] positions) {
        float[] found = positions.clone();
        for (int at = 0; at < found.length; at++) {
            found[at] = 0.9f * found[at] + 12;
        }
        return found;
    }
}
