package edgeidentify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Points of a reference and a photo that agree under one homography (FORMAT.md, "Agreeing points"). */
public final class PointAgreement {
    private static final int LEAST_POINTS = 8;
    private static final int[][] ROUNDS = {{0, 128}, {128, 512}, {512, 2048}};
    private static final double LEAST_DETERMINANT = 1e-6;
    private static final double LEAST_AREA = 1e-3; // of the reference's outline, as a share of the photo

    private final double[] source;
    private final double[] target;
    private final double limit;

    private PointAgreement(double[] source, double[] target, double limit) {
        this.source = source;
        this.target = target;
        this.limit = limit;
    }

    /** The points that agree, to draw them. */
    public static final class Agreement {
        /** x and y of each point in the photo's pixels, one after the other. */
        public final double[] inPhoto;
        /** The same points in the reference's pixels. */
        public final double[] inReference;
        /** The reference's corners in the photo: x and y of top left, top right, bottom right and bottom left. */
        public final double[] outline;

        private Agreement(double[] inPhoto, double[] inReference, double[] outline) {
            this.inPhoto = inPhoto;
            this.inReference = inReference;
            this.outline = outline;
        }

        /** Returns the number of points. */
        public int count() {
            return inPhoto.length / 2;
        }
    }

    /** Returns the points that agree; null if they are fewer than 8, or no camera can see the reference so. */
    public static Agreement find(Points photo, Points reference, double leastSimilarity) {
        List<int[]> pairs = mutualPairs(reference, photo, leastSimilarity);
        if (pairs.size() < LEAST_POINTS) {
            return null;
        }
        double[] source = new double[2 * pairs.size()];
        double[] target = new double[2 * pairs.size()];
        for (int at = 0; at < source.length; at++) {
            source[at] = reference.positions[2 * pairs.get(at / 2)[0] + at % 2];
            target[at] = photo.positions[2 * pairs.get(at / 2)[1] + at % 2];
        }
        double[] inReference = source.clone();
        double[] inPhoto = target.clone();
        double[] from = unit(source);
        double[] to = unit(target);
        double tolerance = Math.max(3, 0.01 * Math.max(photo.width, photo.height)) * to[0];
        PointAgreement fit = new PointAgreement(source, target, tolerance * tolerance);
        double[] view = fit.best();
        double[] outline = view == null ? null : outline(view, from, to, reference);
        if (outline == null || !isPossible(outline, photo)) {
            return null;
        }
        int[] agreeing = IntStream.range(0, pairs.size()).filter(at -> fit.squared(view, at) < fit.limit).toArray();
        return agreeing.length < LEAST_POINTS
            ? null : new Agreement(chosen(inPhoto, agreeing), chosen(inReference, agreeing), outline);
    }

    private static double[] chosen(double[] places, int[] points) {
        double[] found = new double[2 * points.length];
        for (int at = 0; at < found.length; at++) {
            found[at] = places[2 * points[at / 2] + at % 2];
        }
        return found;
    }

    private static List<int[]> mutualPairs(Points reference, Points photo, double leastSimilarity) {
        int rows = reference.positions.length / 2;
        int columns = photo.positions.length / 2;
        int[] nearest = new int[rows];
        float[] best = new float[rows];
        int[] back = new int[columns];
        float[] bestBack = new float[columns];
        Arrays.fill(best, Float.NEGATIVE_INFINITY);
        Arrays.fill(bestBack, Float.NEGATIVE_INFINITY);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                double sum = 0;
                for (int at = 0; at < photo.dim; at++) {
                    sum += reference.descriptors[row * photo.dim + at] * photo.descriptors[column * photo.dim + at];
                }
                float score = (float) sum;
                if (score > best[row]) {
                    best[row] = score;
                    nearest[row] = column;
                }
                if (score > bestBack[column]) {
                    bestBack[column] = score;
                    back[column] = row;
                }
            }
        }
        List<int[]> pairs = new ArrayList<>();
        for (int row = 0; columns > 0 && row < rows; row++) {
            if (best[row] > leastSimilarity && back[nearest[row]] == row) {
                pairs.add(new int[] {row, nearest[row]});
            }
        }
        pairs.sort(Comparator.comparingDouble(pair -> -best[pair[0]]));
        return pairs;
    }

    /** Moves points to mean 0 and mean distance 1, and returns scale and the mean before. */
    private static double[] unit(double[] points) {
        int count = points.length / 2;
        double x = 0;
        double y = 0;
        for (int at = 0; at < points.length; at += 2) {
            x += points[at] / count;
            y += points[at + 1] / count;
        }
        double distances = 0;
        for (int at = 0; at < points.length; at += 2) {
            distances += Math.hypot(points[at] - x, points[at + 1] - y);
        }
        double scale = 1 / Math.max(distances / count, 1e-9);
        for (int at = 0; at < points.length; at += 2) {
            points[at] = (points[at] - x) * scale;
            points[at + 1] = (points[at + 1] - y) * scale;
        }
        return new double[] {scale, x, y};
    }

    private double[] best() {
        double bestScore = 0;
        double[] best = null;
        for (int[] round : ROUNDS) {
            List<double[]> views = minimalViews(round[0], round[1]);
            views.sort(Comparator.comparingDouble(view -> -view[9]));
            for (double[] candidate : views.subList(0, Math.min(3, views.size()))) {
                double[] found = refitted(candidate);
                if (found[9] > bestScore) {
                    bestScore = found[9];
                    best = found;
                }
            }
            if (best != null && isEnough(round[1], best)) {
                break;
            }
        }
        return best;
    }

    private static long hash(int key) {
        int value = key ^ (key >>> 16);
        value *= 0x7feb352d;
        value ^= value >>> 15;
        value *= 0x846ca68b;
        return (value ^ (value >>> 16)) & 0xffffffffL;
    }

    /** Returns the homographies of the possible samples, each with its score as the tenth number. */
    private List<double[]> minimalViews(int first, int end) {
        int count = source.length / 2;
        List<double[]> views = new ArrayList<>();
        for (int sample = first; sample < end; sample++) {
            int[] at = new int[4];
            for (int j = 0; j < 4; j++) {
                at[j] = (int) (hash(4 * sample + j + 1) * count >>> 32);
            }
            if (Arrays.stream(at).distinct().count() < 4) {
                continue;
            }
            double[] ofSource = weights(source, at);
            double[] ofTarget = weights(target, at);
            boolean isPossible = true;
            for (int j = 0; j < 4; j++) {
                isPossible &= ofSource[j] * ofTarget[j] > 0
                    && Math.abs(ofSource[j]) > LEAST_DETERMINANT
                    && Math.abs(ofTarget[j]) > LEAST_DETERMINANT;
            }
            if (isPossible) {
                views.add(scored(minimalView(at, ofSource, ofTarget)));
            }
        }
        return views;
    }

    private static double[] weights(double[] points, int[] at) {
        return new double[] {
            determinant(points, at[3], at[1], at[2]),
            determinant(points, at[0], at[3], at[2]),
            determinant(points, at[0], at[1], at[3]),
            determinant(points, at[0], at[1], at[2]),
        };
    }

    private static double determinant(double[] points, int one, int two, int three) {
        double x = points[2 * one];
        double y = points[2 * one + 1];
        return (points[2 * two] - x) * (points[2 * three + 1] - y) - (points[2 * two + 1] - y) * (points[2 * three] - x);
    }

    private double[] minimalView(int[] at, double[] ofSource, double[] ofTarget) {
        double[] view = new double[10];
        for (int j = 0; j < 3; j++) {
            double ratio = ofTarget[j] / ofSource[j] / ofSource[3];
            int following = 2 * at[(j + 1) % 3];
            int last = 2 * at[(j + 2) % 3];
            double across = source[following + 1] - source[last + 1];
            double down = source[last] - source[following];
            double[] row = {across, down, -(across * source[last] + down * source[last + 1])};
            double[] column = {target[2 * at[j]] * ratio, target[2 * at[j] + 1] * ratio, ratio};
            for (int place = 0; place < 9; place++) {
                view[place] += column[place / 3] * row[place % 3];
            }
        }
        return view;
    }

    private double[] scored(double[] view) {
        double score = 0;
        for (int at = 0; at < source.length / 2; at++) {
            score += Math.max(0, 1 - squared(view, at) / limit);
        }
        view[9] = score;
        return view;
    }

    private double squared(double[] view, int at) {
        double x = source[2 * at];
        double y = source[2 * at + 1];
        double depth = view[6] * x + view[7] * y + view[8];
        if (!(depth > 0)) {
            return Double.POSITIVE_INFINITY;
        }
        double across = (view[0] * x + view[1] * y + view[2]) / depth - target[2 * at];
        double down = (view[3] * x + view[4] * y + view[5]) / depth - target[2 * at + 1];
        return across * across + down * down;
    }

    private double[] refitted(double[] candidate) {
        double[] best = candidate;
        double[] view = candidate;
        for (double widening : new double[] {4, 1}) {
            view = leastSquares(view, widening * limit);
            if (view == null) {
                break;
            }
            if (scored(view)[9] > best[9]) {
                best = view;
            }
        }
        return best;
    }

    private double[] leastSquares(double[] view, double within) {
        double[][] products = new double[8][9];
        int chosen = 0;
        for (int at = 0; at < source.length / 2; at++) {
            double weight = 1 - squared(view, at) / within;
            if (!(weight > 0)) {
                continue;
            }
            chosen++;
            double x = source[2 * at];
            double y = source[2 * at + 1];
            double factor = Math.sqrt(weight) / (view[6] * x + view[7] * y + view[8]);
            double u = target[2 * at];
            double v = target[2 * at + 1];
            add(products, new double[] {x, y, 1, 0, 0, 0, -x * u, -y * u, -u}, factor);
            add(products, new double[] {0, 0, 0, x, y, 1, -x * v, -y * v, -v}, factor);
        }
        return chosen < 4 ? null : solve(products);
    }

    private static void add(double[][] products, double[] row, double factor) {
        for (int one = 0; one < 8; one++) {
            for (int other = 0; other < 9; other++) {
                products[one][other] += row[one] * factor * row[other] * factor;
            }
        }
    }

    private static double[] solve(double[][] rows) {
        for (int column = 0; column < 8; column++) {
            int pivot = column;
            for (int at = column + 1; at < 8; at++) {
                pivot = Math.abs(rows[at][column]) > Math.abs(rows[pivot][column]) ? at : pivot;
            }
            double[] best = rows[pivot];
            rows[pivot] = rows[column];
            rows[column] = best;
            if (best[column] == 0) {
                return null;
            }
            for (int at = column + 1; at < 8; at++) {
                double factor = rows[at][column] / best[column];
                for (int other = column; other < 9; other++) {
                    rows[at][other] -= factor * best[other];
                }
            }
        }
        double[] found = new double[10];
        found[8] = 1;
        for (int at = 7; at >= 0; at--) {
            double value = -rows[at][8];
            for (int other = at + 1; other < 8; other++) {
                value -= rows[at][other] * found[other];
            }
            found[at] = value / rows[at][at];
        }
        return found;
    }

    private boolean isEnough(int samples, double[] view) {
        int inside = 0;
        for (int at = 0; at < source.length / 2; at++) {
            inside += squared(view, at) < limit ? 1 : 0;
        }
        double share = 2.0 * inside / source.length;
        return Math.pow(1 - Math.pow(share, 4), samples) <= 1 - 0.999;
    }

    /** Returns the reference's corners in the photo's pixels; null if some lie behind the camera. */
    private static double[] outline(double[] view, double[] from, double[] to, Points reference) {
        double[][] corners = {{-0.5, -0.5}, {reference.width - 0.5, -0.5},
            {reference.width - 0.5, reference.height - 0.5}, {-0.5, reference.height - 0.5}};
        double[] seen = new double[8];
        double firstDepth = 0;
        for (int at = 0; at < 4; at++) {
            double x = (corners[at][0] - from[1]) * from[0];
            double y = (corners[at][1] - from[2]) * from[0];
            double depth = view[6] * x + view[7] * y + view[8];
            firstDepth = at == 0 ? depth : firstDepth;
            if (!(depth * firstDepth > 0)) {
                return null;
            }
            seen[2 * at] = (view[0] * x + view[1] * y + view[2]) / depth / to[0] + to[1];
            seen[2 * at + 1] = (view[3] * x + view[4] * y + view[5]) / depth / to[0] + to[2];
        }
        return seen;
    }

    /** Returns whether a camera can produce an outline: convex, not mirrored, and not too small. */
    private static boolean isPossible(double[] outline, Points photo) {
        double area = 0;
        for (int at = 0; at < 8; at += 2) {
            int next = (at + 2) % 8;
            int third = (at + 4) % 8;
            double across = outline[next] - outline[at];
            double down = outline[next + 1] - outline[at + 1];
            double turn = across * (outline[third + 1] - outline[next + 1]) - down * (outline[third] - outline[next]);
            if (!(turn > 0)) {
                return false;
            }
            area += outline[at] * outline[next + 1] - outline[next] * outline[at + 1];
        }
        return area / 2 >= LEAST_AREA * photo.width * photo.height;
    }
}
