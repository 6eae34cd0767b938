package edgeidentify;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** The points of an image: the net's pixels, the peaks of its heat, and their descriptors. */
public final class NetPoints {
    private static final int RADIUS_PX = 2;
    private static final double CUBIC = -0.75; // the coefficient with which the net was published

    private final PointNet.Maps maps;
    private final int width;
    private final int height;

    /** Takes the maps of an image of the net's size. */
    public NetPoints(PointNet.Maps maps, int width, int height) {
        this.maps = maps;
        this.width = width;
        this.height = height;
    }

    /** A pixel of the heat map. */
    public static final class Peak {
        public final int x;
        public final int y;
        private final float score;

        private Peak(int x, int y, float score) {
            this.x = x;
            this.y = y;
            this.score = score;
        }
    }

    /** Returns an image in the net's size: the longer side as given, both multiples of the step. */
    public static Image netPixels(Image image, int sidePx, int stepPx) {
        Image rgb = image.opaque();
        double scale = (double) sidePx / Math.max(rgb.width, rgb.height);
        int width = stepPx * (int) Math.max(1, Math.rint(rgb.width * scale / stepPx)); // a half to the even neighbour
        int height = stepPx * (int) Math.max(1, Math.rint(rgb.height * scale / stepPx));
        return Resampling.resized(rgb, width, height, true);
    }

    /** Finds the points of an image, the best first; a blank image has none. */
    static Points find(Image image, int sidePx, int mostPoints, Manifest.LocalFeatures spec, PointNet net) {
        Image small = netPixels(image, sidePx, spec.sideStepPx);
        PointNet.Maps maps = net.run(small.data, small.width, small.height);
        NetPoints found = new NetPoints(maps, small.width, small.height);
        found.check(spec);
        List<Peak> peaks = found.peaks(spec.leastHeat, mostPoints);
        float[] positions = new float[2 * peaks.size()];
        for (int at = 0; at < peaks.size(); at++) { // scaled about the pixel's edge, half a pixel from its centre
            positions[2 * at] = (float) ((peaks.get(at).x + 0.5) * image.width / small.width - 0.5);
            positions[2 * at + 1] = (float) ((peaks.get(at).y + 0.5) * image.height / small.height - 0.5);
        }
        return new Points(image.width, image.height, positions, found.descriptorsAt(peaks, spec.dim), spec.dim);
    }

    /** Returns the highest scores (heat times reliability), best first. */
    public List<Peak> peaks(double leastHeat, int most) {
        float[] across = largestAlong(maps.heat, width, height, 1, width);
        float[] around = largestAlong(across, height, width, width, 1);
        float least = (float) leastHeat;
        List<Peak> found = new ArrayList<>();
        for (int at = 0; at < around.length; at++) {
            if (maps.heat[at] > least && maps.heat[at] == around[at]) {
                float[] reliability = new float[1];
                sample(maps.reliability, at % width, at / width, false, reliability, 0, 1);
                found.add(new Peak(at % width, at / width, maps.heat[at] * reliability[0]));
            }
        }
        found.sort(Comparator.comparingDouble(peak -> -peak.score));
        return found.subList(0, Math.min(most, found.size()));
    }

    /** Returns a unit vector for each peak, one after the other. */
    public float[] descriptorsAt(List<Peak> peaks, int dim) {
        float[] found = new float[dim * peaks.size()];
        for (int at = 0; at < peaks.size(); at++) {
            sample(maps.descriptors, peaks.get(at).x, peaks.get(at).y, true, found, dim * at, dim);
            double squares = 0;
            for (int place = dim * at; place < dim * (at + 1); place++) {
                squares += (double) found[place] * found[place];
            }
            double length = Math.max(Math.sqrt(squares), 1e-9);
            for (int place = dim * at; place < dim * (at + 1); place++) {
                found[place] /= length;
            }
        }
        return found;
    }

    private void check(Manifest.LocalFeatures spec) {
        int cells = maps.rows * maps.columns;
        boolean fits = cells > 0 && maps.heat.length == width * height && maps.reliability.length == cells
            && maps.descriptors.length == spec.dim * cells;
        for (float[] numbers : new float[][] {maps.heat, maps.reliability, maps.descriptors}) {
            for (int at = 0; fits && at < numbers.length; at++) {
                fits = !Float.isNaN(numbers[at]) && !Float.isInfinite(numbers[at]);
            }
        }
        if (!fits) {
            String model = spec.onnx().model;
            throw EdgeIdentifyException.damaged(model, "returns maps of other shapes than the manifest says, or NaN");
        }
    }

    /** Returns the largest value near each one, along lines. */
    private static float[] largestAlong(float[] data, int length, int lines, int step, int stride) {
        float[] found = new float[data.length];
        for (int line = 0; line < lines; line++) {
            for (int at = 0; at < length; at++) {
                float most = Float.NEGATIVE_INFINITY;
                int end = Math.min(length - 1, at + RADIUS_PX);
                for (int near = Math.max(0, at - RADIUS_PX); near <= end; near++) {
                    most = Math.max(most, data[line * stride + near * step]);
                }
                found[line * stride + at * step] = most;
            }
        }
        return found;
    }

    /** Interpolates maps at a pixel; cells beyond the edge are those of the edge. */
    private void sample(float[] cells, int pixelX, int pixelY, boolean isCubic, float[] to, int start, int dim) {
        double x = (pixelX + 0.5) * ((double) maps.columns / width) - 0.5;
        double y = (pixelY + 0.5) * ((double) maps.rows / height) - 0.5;
        int left = (int) Math.floor(x);
        int top = (int) Math.floor(y);
        double[] across = isCubic ? cubicWeights(x - left) : new double[] {1 - (x - left), x - left};
        double[] down = isCubic ? cubicWeights(y - top) : new double[] {1 - (y - top), y - top};
        int before = across.length / 2 - 1;
        int count = maps.rows * maps.columns;
        for (int row = 0; row < down.length; row++) {
            int cellRow = Math.min(Math.max(top + row - before, 0), maps.rows - 1);
            for (int column = 0; column < across.length; column++) {
                float weight = (float) (down[row] * across[column]);
                int cell = cellRow * maps.columns + Math.min(Math.max(left + column - before, 0), maps.columns - 1);
                for (int at = 0; at < dim; at++) {
                    to[start + at] += weight * cells[at * count + cell];
                }
            }
        }
    }

    private static double[] cubicWeights(double beyond) {
        return new double[] {outer(1 + beyond), inner(beyond), inner(1 - beyond), outer(2 - beyond)};
    }

    private static double inner(double near) {
        return ((CUBIC + 2) * near - (CUBIC + 3)) * near * near + 1;
    }

    private static double outer(double far) {
        return ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC;
    }
}
