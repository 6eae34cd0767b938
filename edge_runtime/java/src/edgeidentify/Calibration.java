package edgeidentify;

import java.util.Collections;
import java.util.Map;

/** Constants that turn scores into probabilities, measured when the pack was built: {@code calibration.json}. */
public final class Calibration {
    private static final int MAX_BYTES = 1 << 20;
    private static final double MOST = 1e6; // of any coefficient; scores lie within -1 and 1
    private static final double MOST_SCORE = 1.001;

    /** The calibrations of a pack by encoder variant: of photos, and of texts. */
    public static final class File {
        public final Map<String, Calibration> photos;
        public final Map<String, TextBands> texts;

        private File(Map<String, Calibration> photos, Map<String, TextBands> texts) {
            this.photos = photos;
            this.texts = texts;
        }

        /** Returns the calibrations of a pack that has none. */
        static File empty() {
            return new File(Collections.emptyMap(), Collections.emptyMap());
        }

        /** Reads a file. */
        public static File parse(byte[] data, String where) {
            JsonObject fields = JsonObject.parse(data, MAX_BYTES, where);
            return new File(fields.byName("variants", (name, each) -> new Calibration(each)),
                fields.has("texts") ? fields.byName("texts", (name, each) -> new TextBands(each)) : Collections.emptyMap());
        }
    }

    /** How well a reference fits a text, by its similarity. */
    public static final class TextBands {
        private final double strong;
        private final double fair;

        private TextBands(JsonObject fields) {
            strong = fields.numberWithin("strong", -MOST_SCORE, MOST_SCORE);
            fair = fields.numberWithin("fair", -MOST_SCORE, strong);
        }

        /** Returns {@code strong}, {@code fair} or {@code weak}. */
        public String of(double score) {
            return score >= strong ? "strong" : score >= fair ? "fair" : "weak";
        }
    }

    /** The least confidences for the two words. */
    static final class Certainty {
        final double identified;
        final double probably;

        Certainty(JsonObject fields) {
            identified = fields.numberWithin("identified", 0, 1);
            probably = fields.numberWithin("probably", 0, identified);
        }
    }

    /** Corrects confidences by what real photos showed. */
    static final class Correction {
        final double slope;
        final double intercept;

        Correction(JsonObject fields) {
            slope = fields.numberWithin("slope", 0.01, MOST);
            intercept = fields.numberWithin("intercept", -MOST, MOST);
        }

        static Correction in(JsonObject fields) {
            return fields.has("correction") ? new Correction(fields.object("correction")) : null;
        }
    }

    /** What turns agreeing points into probabilities. */
    static final class OfPoints {
        final double shareExponent;
        final double pointsExponent;
        final double evidenceWeight;
        final double countWeight;
        final double leadWeight;
        final double intercept;
        final Thresholds thresholds;

        OfPoints(JsonObject fields, double leastShare) {
            shareExponent = fields.numberWithin("share_exponent", 0, MOST);
            pointsExponent = fields.numberWithin("points_exponent", 0, MOST);
            evidenceWeight = fields.numberWithin("evidence_weight", 0, MOST);
            countWeight = fields.numberWithin("count_weight", 0, MOST);
            leadWeight = fields.numberWithin("lead_weight", 0, MOST);
            intercept = fields.numberWithin("intercept", -MOST, MOST);
            double accept = fields.numberWithin("accept", -MOST, MOST);
            thresholds = new Thresholds(accept, leastShare, new Certainty(fields.object("certainty")), Correction.in(fields));
        }
    }

    /** What turns probabilities into a decision. */
    static final class Thresholds {
        final double accept;
        final double leastShare;
        final Certainty certainty; // null in packs of before
        final Correction correction; // null if nothing is corrected

        Thresholds(double accept, double leastShare, Certainty certainty, Correction correction) {
            this.accept = accept;
            this.leastShare = leastShare;
            this.certainty = certainty;
            this.correction = correction;
        }
    }

    final int neighbours;
    final double scoreWeight;
    final double contrastWeight;
    final double marginWeight;
    final double intercept;
    final double temperature;
    final Thresholds thresholds;
    final OfPoints points; // null in packs whose points are not calibrated

    private Calibration(JsonObject fields) {
        neighbours = (int) fields.whole("neighbours", 2, 1000);
        scoreWeight = fields.numberWithin("score_weight", 0, MOST);
        contrastWeight = fields.numberWithin("contrast_weight", 0, MOST);
        marginWeight = fields.numberWithin("margin_weight", 0, MOST);
        intercept = fields.numberWithin("intercept", -MOST, MOST);
        temperature = fields.numberWithin("temperature", 1e-4, MOST);
        double leastShare = fields.numberWithin("least_share", 0.5, 0.9);
        Certainty certainty = fields.has("certainty") ? new Certainty(fields.object("certainty")) : null;
        double accept = fields.numberWithin("accept", -MOST, MOST);
        thresholds = new Thresholds(accept, leastShare, certainty, Correction.in(fields));
        points = fields.has("points") ? new OfPoints(fields.object("points"), leastShare) : null;
    }

    /** Returns the log-odds that a photo with these scores, best first, shows something in the pack. */
    double evidence(double[] scores) {
        int count = Math.min(neighbours, scores.length);
        double others = 0;
        for (int at = 1; at < count; at++) {
            others += scores[at];
        }
        double mean = count > 1 ? others / (count - 1) : scores[0];
        double margin = count > 1 ? scores[0] - scores[1] : 0;
        return intercept + scoreWeight * scores[0] + contrastWeight * (scores[0] - mean / 2) + marginWeight * margin;
    }

    /** Returns the softmax of the first scores; 0 for those beyond {@code most}. */
    double[] shares(double[] scores, int most) {
        double[] shares = new double[scores.length];
        double sum = 0;
        for (int at = 0; at < Math.min(most, scores.length); at++) {
            shares[at] = Math.exp((scores[at] - scores[0]) / temperature);
            sum += shares[at];
        }
        for (int at = 0; at < shares.length; at++) {
            shares[at] /= sum;
        }
        return shares;
    }
}
