package edgeidentify;

import java.util.Arrays;

/** What a photo shows, as far as its scores tell (FORMAT.md, "Decisions"). */
public final class Decision {
    private static final double LOOK_ALIKES_SHARE = 0.9;
    private static final double MOST_CONFIDENCE = 1 - 1e-9;

    /** {@code identified}, {@code probably}, {@code ambiguous} or {@code unknown}. */
    public final String word;
    /** Log-odds that the photo shows something in the pack. */
    public final double evidence;
    /** The same as a probability, corrected. */
    public final double knownProbability;
    /** The probability of each reference. */
    public final double[] confidences;
    /** Ambiguous: the number of first references that the photo may show; otherwise 0. */
    public final int lookAlikeCount;
    /** The confidences before their correction. */
    final double[] uncorrected;

    private Decision(String word, double evidence, double known, double[] confidences, int lookAlikeCount, double[] uncorrected) {
        this.word = word;
        this.evidence = evidence;
        this.knownProbability = known;
        this.confidences = confidences;
        this.lookAlikeCount = lookAlikeCount;
        this.uncorrected = uncorrected;
    }

    /** The decision of one kind of evidence, and the new order of the references. */
    static final class Ranked {
        final Decision decision;
        final int[] order;

        Ranked(Decision decision, int[] order) {
            this.decision = decision;
            this.order = order;
        }
    }

    /**
     * Decides by similarity.
     *
     * @param scores cosine similarities of distinct references, best first, at least one
     * @param crowd the scores behind the evidence; {@code scores} where they cover the whole pack
     */
    public static Decision of(double[] scores, double[] crowd, Calibration calibration) {
        double[] shares = calibration.shares(scores, calibration.neighbours);
        return conclude(calibration.evidence(crowd), shares, calibration.thresholds);
    }

    /** Decides from log-odds and the shares of the references, best first, which sum to 1. */
    static Decision conclude(double evidence, double[] shares, Calibration.Thresholds rule) {
        double known = sigmoid(evidence);
        String word = word(evidence, known, shares[0], rule);
        double[] uncorrected = Arrays.stream(shares).map(share -> known * share).toArray();
        double[] confidences = uncorrected.clone();
        double shown = rule.correction == null ? known : correct(known, confidences, rule.correction);
        return new Decision(word, evidence, shown, confidences, word.equals("ambiguous") ? lookAlikes(shares) : 0, uncorrected);
    }

    /** Returns the decision with further references of confidence 0 behind the others. */
    Decision withOthers(int count) {
        int length = confidences.length + count;
        return new Decision(word, evidence, knownProbability, Arrays.copyOf(confidences, length), lookAlikeCount,
            Arrays.copyOf(uncorrected, length));
    }

    private static String word(double evidence, double known, double share, Calibration.Thresholds rule) {
        if (!(evidence >= rule.accept)) {
            return "unknown";
        }
        if (rule.certainty == null) {
            return share >= rule.leastShare ? "identified" : "ambiguous";
        }
        if (known * share >= rule.certainty.identified) {
            return "identified";
        }
        double probably = rule.certainty.probably;
        return known * share >= probably ? "probably" : known >= probably ? "ambiguous" : "unknown";
    }

    /** Corrects confidences in place and returns the corrected known probability. */
    private static double correct(double known, double[] confidences, Calibration.Correction correction) {
        double together = 0;
        for (int at = 0; at < confidences.length; at++) {
            confidences[at] = corrected(confidences[at], correction);
            together += at == 0 ? 0 : confidences[at];
        }
        double shown = Math.max(confidences[0], corrected(known, correction));
        double part = together == 0 ? 1 : Math.min(1, (shown - confidences[0]) / together);
        for (int at = 1; at < confidences.length; at++) {
            confidences[at] *= part;
        }
        return shown;
    }

    private static double corrected(double confidence, Calibration.Correction correction) {
        if (confidence <= 0) {
            return 0;
        }
        double inside = Math.min(confidence, MOST_CONFIDENCE);
        return sigmoid(correction.intercept + correction.slope * (Math.log(inside) - Math.log1p(-inside)));
    }

    private static int lookAlikes(double[] shares) {
        int below = 0;
        double together = 0;
        while (below < shares.length && (together += shares[below]) < LOOK_ALIKES_SHARE) {
            below++;
        }
        return Math.max(2, Math.min(below + 1, shares.length));
    }

    private static double sigmoid(double evidence) {
        if (evidence >= 0) {
            return 1 / (1 + Math.exp(-evidence));
        }
        double odds = Math.exp(evidence);
        return odds / (1 + odds);
    }
}
