package edgeidentify;

import java.util.Map;

/** What a photo shows, as far as its scores tell (FORMAT.md, "Decisions"). */
public final class Decision {
    private static final double LOOK_ALIKES_SHARE = 0.9;

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

    private Decision(String word, double evidence, double known, double[] confidences, int lookAlikeCount) {
        this.word = word;
        this.evidence = evidence;
        this.knownProbability = known;
        this.confidences = confidences;
        this.lookAlikeCount = lookAlikeCount;
    }

    /**
     * Decides by similarity.
     *
     * @param scores cosine similarities of distinct references, best first, at least one
     * @param crowd the scores behind the evidence; {@code scores} where they cover the whole pack
     * @param rule the calibration of the encoder variant, as {@code calibration.json} has it
     */
    public static Decision of(double[] scores, double[] crowd, Map<String, Object> rule) {
        int neighbours = (int) number(rule, "neighbours");
        double[] shares = new double[scores.length];
        double sum = 0;
        for (int at = 0; at < Math.min(neighbours, scores.length); at++) {
            shares[at] = Math.exp((scores[at] - scores[0]) / number(rule, "temperature"));
            sum += shares[at];
        }
        for (int at = 0; at < shares.length; at++) {
            shares[at] /= sum;
        }
        return conclude(evidence(crowd, neighbours, rule), shares, rule);
    }

    private static double evidence(double[] scores, int neighbours, Map<String, Object> rule) {
        int count = Math.min(neighbours, scores.length);
        double others = 0;
        for (int at = 1; at < count; at++) {
            others += scores[at];
        }
        double mean = count > 1 ? others / (count - 1) : scores[0];
        double margin = count > 1 ? scores[0] - scores[1] : 0;
        return number(rule, "intercept")
            + number(rule, "score_weight") * scores[0]
            + number(rule, "contrast_weight") * (scores[0] - mean / 2)
            + number(rule, "margin_weight") * margin;
    }

    private static Decision conclude(double evidence, double[] shares, Map<String, Object> rule) {
        double known = sigmoid(evidence);
        String word = word(evidence, known, shares[0], rule);
        double[] confidences = new double[shares.length];
        for (int at = 0; at < shares.length; at++) {
            confidences[at] = known * shares[at];
        }
        int alike = word.equals("ambiguous") ? lookAlikes(shares) : 0;
        Map<String, Object> correction = object(rule.get("correction"));
        double shown = correction == null ? known : correct(known, confidences, correction);
        return new Decision(word, evidence, shown, confidences, alike);
    }

    private static String word(double evidence, double known, double share, Map<String, Object> rule) {
        if (!(evidence >= number(rule, "accept"))) {
            return "unknown";
        }
        Map<String, Object> certainty = object(rule.get("certainty"));
        if (certainty == null) {
            return share >= number(rule, "least_share") ? "identified" : "ambiguous";
        }
        if (known * share >= number(certainty, "identified")) {
            return "identified";
        }
        double probably = number(certainty, "probably");
        return known * share >= probably ? "probably" : known >= probably ? "ambiguous" : "unknown";
    }

    /** Corrects confidences in place and returns the corrected known probability. */
    private static double correct(double known, double[] confidences, Map<String, Object> correction) {
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

    private static double corrected(double confidence, Map<String, Object> correction) {
        if (confidence <= 0) {
            return 0;
        }
        double inside = Math.min(confidence, 1 - 1e-9);
        double logOdds = Math.log(inside) - Math.log1p(-inside);
        return sigmoid(number(correction, "intercept") + number(correction, "slope") * logOdds);
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

    private static double number(Map<String, Object> fields, String key) {
        Object value = fields.get(key);
        if (!(value instanceof Number)) {
            throw PackException.format("calibration: `" + key + "` should be a number");
        }
        return ((Number) value).doubleValue();
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }
}
