package edgeidentify;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Evidence beside similarity: agreeing points, and the photo's position. FORMAT.md has the formulas. */
final class Evidence {
    /** The number of references that a position re-ranks. */
    static final int PLACE_CANDIDATES = 200;
    private static final double WRONG = 0.1; // probability that a position is unrelated to the place of the photo
    private static final double ELSEWHERE = 1e-8;
    // For packs that were built before points were calibrated.
    private static final double EXPONENT = 4;
    private static final double OF_LOOK_ALIKES = 24;
    private static final double WEIGHT = 2;

    private Evidence() {
    }

    /**
     * Decides again with agreeing points.
     *
     * @param points of each first reference; 0 if it was not compared
     * @return null if nothing can be ranked
     */
    static Decision.Ranked withPoints(Decision before, int[] points, Calibration calibration) {
        Calibration.OfPoints rule = calibration.points;
        int count = before.confidences.length;
        double[] counts = new double[count];
        double[] logs = new double[count];
        for (int at = 0; at < count; at++) {
            counts[at] = Math.log1p(at < points.length ? points[at] : 0);
            double share = before.uncorrected[at];
            logs[at] = share <= 0 ? Double.NEGATIVE_INFINITY
                : (rule == null ? 1 : rule.shareExponent) * Math.log(share)
                    + (rule == null ? EXPONENT : rule.pointsExponent) * counts[at];
        }
        double most = Arrays.stream(logs).max().orElse(Double.NEGATIVE_INFINITY);
        if (most == Double.NEGATIVE_INFINITY) {
            return null;
        }
        double[] weights = Arrays.stream(logs).map(value -> Math.exp(value - most)).toArray();
        int[] order = falling(weights);
        double[] shares = ordered(weights, order, Arrays.stream(weights).sum());
        double first = counts[order[0]];
        if (rule == null) {
            double gain = WEIGHT * Math.log(Math.max(1, Math.expm1(first) / OF_LOOK_ALIKES));
            return new Decision.Ranked(Decision.conclude(before.evidence + gain, shares, calibration.thresholds), order);
        }
        double others = Arrays.stream(order).skip(1).mapToDouble(at -> counts[at]).max().orElse(0);
        double evidence = rule.intercept + rule.evidenceWeight * before.evidence + rule.countWeight * first
            + rule.leadWeight * Math.max(0, first - Math.max(0, others));
        return new Decision.Ranked(Decision.conclude(evidence, shares, rule.thresholds), order);
    }

    /** Returns how near a place is, 0 to 1. */
    private static double nearness(Position position, double[] place) {
        double distance = Position.distanceM(position.latitude, position.longitude, place[0], place[1]);
        return distance > position.reachM() ? 0 : Math.pow(1 + Math.pow(distance / position.scaleM(), 2), -1.5);
    }

    /** Returns the mean nearness of all references that have coordinates. */
    static double meanNearness(Position position, Collection<double[]> located) {
        double together = located.stream().mapToDouble(place -> nearness(position, place)).sum();
        return together / Math.max(1, located.size());
    }

    /** Returns how much likelier a position is for a reference than for any; 1 says nothing. */
    static double placeScore(Position position, double[] place, double crowd) {
        return place == null ? 1 : (1 - WRONG) * nearness(position, place) / (crowd + ELSEWHERE) + WRONG;
    }

    /** Returns whether place scores tell any reference from another. */
    static boolean distinguishes(double[] placeScores) {
        double least = Arrays.stream(placeScores).min().orElse(1);
        return Arrays.stream(placeScores).max().orElse(1) > least * (1 + 1e-9);
    }

    /** Returns the log-odds that a position adds to the evidence. */
    static double placeGain(double[] scores, double[] placeScores, Calibration calibration) {
        return distinguishes(placeScores) ? Math.log(Arrays.stream(weights(scores, placeScores, calibration)).sum()) : 0;
    }

    /** Decides from the candidates' scores, best first, and their place scores. */
    static Decision.Ranked withPlace(double[] scores, double[] placeScores, double[] crowd, double mostGain, Calibration calibration) {
        double[] weights = weights(scores, placeScores, calibration);
        double together = Arrays.stream(weights).sum();
        int[] order = falling(weights);
        double evidence = calibration.evidence(crowd) + Math.min(Math.log(together), mostGain);
        return new Decision.Ranked(Decision.conclude(evidence, ordered(weights, order, together), calibration.thresholds), order);
    }

    private static double[] weights(double[] scores, double[] placeScores, Calibration calibration) {
        double[] weights = calibration.shares(scores, scores.length);
        for (int at = 0; at < weights.length; at++) {
            weights[at] *= placeScores[at];
        }
        return weights;
    }

    /** Returns the places of numbers, the largest first; of equal ones, the first. */
    static int[] falling(double[] numbers) {
        return IntStream.range(0, numbers.length).boxed()
            .sorted(Comparator.comparingDouble(at -> -numbers[at])).mapToInt(at -> at).toArray();
    }

    private static double[] ordered(double[] weights, int[] order, double together) {
        return Arrays.stream(order).mapToDouble(at -> weights[at] / together).toArray();
    }
}
