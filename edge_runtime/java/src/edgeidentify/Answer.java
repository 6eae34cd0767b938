package edgeidentify;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The answer of one pack to a photo, to several photos of one thing, or to a text. */
public final class Answer {
    private static final int SCHEMA = 2;
    private static final List<String> DECISIONS = Arrays.asList("identified", "probably", "ambiguous", "unknown");

    /** A kind of thing that the photo probably shows. */
    public static final class LikelyKind {
        public final String label;
        public final String value;
        public final double probability;

        LikelyKind(String label, String value, double probability) {
            this.label = label;
            this.value = value;
            this.probability = probability;
        }

        LikelyKind capped() {
            return new LikelyKind(label, value, Math.min(1, probability));
        }
    }

    /** One reference that resembles the photo or the text. */
    public static final class Match {
        public final Reference reference;
        /** Cosine similarity of its nearest picture; 0 where a text was answered by words alone. */
        public final double score;
        /** The probability that the photo shows it; null for texts and packs that are not calibrated. */
        public final Double confidence;
        /** The index's id of that picture; null if there is none. */
        public final Long indexId;
        /** The distance of the reference from the photo's position in metres, or null. */
        public final Double distanceM;
        /** How much likelier the position is for this reference than for any; null if the position was not used. */
        public final Double placeScore;
        /** The confidence without the position; null if the position was not used. */
        public final Double visionConfidence;
        /** The number of points that agree; null if points were not compared. */
        public final Integer matchedPoints;
        /** Of a text: {@code strong}, {@code fair} or {@code weak}; null if it was not measured. */
        public final String band;
        /** Of a text: why the reference was found. */
        public final List<TextReason> reasons;
        /** What is known of the picture, to credit it; null if nothing is. */
        public final Map<String, String> picture;

        private Match(Builder from) {
            reference = from.reference;
            score = from.score;
            confidence = from.confidence;
            indexId = from.indexId;
            distanceM = from.distanceM;
            placeScore = from.placeScore;
            visionConfidence = from.visionConfidence;
            matchedPoints = from.matchedPoints;
            band = from.band;
            reasons = from.reasons;
            picture = from.picture;
        }

        static final class Builder {
            private Reference reference;
            private double score;
            private Long indexId;
            private Map<String, String> picture;
            Double confidence;
            Double distanceM;
            Double placeScore;
            Double visionConfidence;
            Integer matchedPoints;
            String band;
            List<TextReason> reasons = new ArrayList<>();

            Builder(Reference reference, double score, Long indexId, Map<String, String> picture) {
                this.reference = reference;
                this.score = score;
                this.indexId = indexId;
                this.picture = picture;
            }

            Builder(Match match) {
                this(match.reference, match.score, match.indexId, match.picture);
                confidence = match.confidence;
                distanceM = match.distanceM;
                placeScore = match.placeScore;
                visionConfidence = match.visionConfidence;
                matchedPoints = match.matchedPoints;
                band = match.band;
                reasons = match.reasons;
            }

            Match build() {
                return new Match(this);
            }
        }
    }

    public final String packName;
    public final String packVersion;
    /** The variant of the encoder; {@code words} for a text that was answered by words alone. */
    public final String encoder;
    /** Null for a text, and for a pack that is not calibrated. */
    public final Decision decision;
    /** Best first. */
    public final List<Match> matches;
    /** Ambiguous: the references that the photo may show; otherwise empty. */
    public final List<Reference> lookAlikes;
    /** Null if the thing is identified, or no kind is likelier than not. */
    public final LikelyKind likelyKind;
    /** Null if there was none. */
    public final Position position;
    public final Filters filters;
    /** Of a text: what a person must know, such as words that the encoder does not know; empty otherwise. */
    public final String note;
    /** Of a text: the words that the encoder does not know. */
    public final List<String> unknownWords;

    Answer(Manifest manifest, String encoder, Decision decision, List<Match> matches, List<Reference> lookAlikes,
        LikelyKind likelyKind, Position position, Filters filters) {
        this(manifest.name, manifest.version, encoder, decision, matches, lookAlikes, likelyKind, position, filters, "",
            new ArrayList<>());
    }

    private Answer(String packName, String packVersion, String encoder, Decision decision, List<Match> matches,
        List<Reference> lookAlikes, LikelyKind likelyKind, Position position, Filters filters, String note,
        List<String> unknownWords) {
        this.packName = packName;
        this.packVersion = packVersion;
        this.encoder = encoder;
        this.decision = decision;
        this.matches = matches;
        this.lookAlikes = lookAlikes;
        this.likelyKind = likelyKind;
        this.position = position;
        this.filters = filters;
        this.note = note;
        this.unknownWords = unknownWords;
    }

    Answer withMatches(List<Match> others) {
        return new Answer(packName, packVersion, encoder, decision, others, lookAlikes, likelyKind, position, filters, note,
            unknownWords);
    }

    Answer withNote(String words, List<String> unknown) {
        return new Answer(packName, packVersion, encoder, decision, matches, lookAlikes, likelyKind, position, filters, words,
            unknown);
    }

    Answer decided(Decision now, List<Match> ranked, List<Reference> alike, LikelyKind kind) {
        return new Answer(packName, packVersion, encoder, now, ranked, alike, kind, position, filters, note, unknownWords);
    }

    /** Returns the answer that counts of several packs' answers to one photo: the most certain one, of equal ones the first. */
    public static Answer mostCertain(List<Answer> answers) {
        Answer best = answers.get(0);
        for (Answer each : answers) {
            best = each.isMoreCertainThan(best) ? each : best;
        }
        return best;
    }

    /** Returns the decision in a few words, as on Python's screen. */
    public String inWords() {
        if (decision == null) {
            return "not calibrated, the nearest";
        }
        if (decision.word.equals("ambiguous")) {
            return "ambiguous, one of " + lookAlikes.size() + " look-alikes";
        }
        if (decision.word.equals("unknown")) {
            return "unknown";
        }
        Double confidence = matches.get(0).confidence;
        String check = decision.word.equals("probably") ? ": check it" : "";
        return decision.word + ", " + Math.round(100 * (confidence == null ? 0 : confidence)) + "%" + check;
    }

    /** Returns the answer as the documented JSON object of {@code edge-identify --jsonl}, without times and photo. */
    public String toJson() {
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("schema", SCHEMA);
        found.put("pack", ofPairs("name", packName, "version", packVersion));
        found.put("encoder", encoder);
        if (!note.isEmpty()) {
            found.put("note", note);
        }
        found.put("decision", decision == null ? null : decision.word);
        found.put("known_probability", decision == null ? null : rounded(decision.knownProbability, 4));
        found.put("look_alikes", lookAlikes.isEmpty() ? null : lookAlikesAsJson());
        if (likelyKind != null) {
            found.put("likely_kind", ofPairs("label", likelyKind.label, "value", likelyKind.value, "probability",
                rounded(likelyKind.probability, 4)));
        }
        boolean isUsed = matches.stream().anyMatch(match -> match.placeScore != null);
        found.put("position", position == null ? null : ofPairs("lat", position.latitude, "lng", position.longitude,
            "accuracy_m", position.accuracyM, "source", position.source, "used", isUsed));
        found.put("filters", filters.areNone() ? null : filtersAsJson());
        List<Object> told = new ArrayList<>();
        for (Match match : matches) {
            told.add(matchAsJson(match, told.size() + 1));
        }
        found.put("matches", told);
        return JsonText.of(found);
    }

    private boolean isMoreCertainThan(Answer other) {
        double[] ours = certainty();
        double[] theirs = other.certainty();
        int at = 0;
        while (at < 2 && ours[at] == theirs[at]) {
            at++;
        }
        return ours[at] > theirs[at];
    }

    private double[] certainty() {
        double word = decision == null ? 0 : DECISIONS.size() - DECISIONS.indexOf(decision.word);
        Double first = matches.get(0).confidence;
        double named = first == null ? 0 : first;
        double known = lookAlikes.isEmpty() || decision == null ? named : decision.knownProbability;
        return new double[] {word, known, matches.get(0).score};
    }

    private Object lookAlikesAsJson() {
        List<String> ids = new ArrayList<>();
        lookAlikes.forEach(each -> ids.add(each.id));
        return ofPairs("ids", ids, "namespace", SharedLabels.namespaceOf(lookAlikes), "labels", SharedLabels.of(lookAlikes));
    }

    private Object filtersAsJson() {
        Map<String, Object> labels = new LinkedHashMap<>();
        filters.labels.forEach((kind, values) -> labels.put(kind, new ArrayList<>(values)));
        return ofPairs("namespaces", new ArrayList<>(filters.namespaces), "labels", labels);
    }

    private static Map<String, Object> matchAsJson(Match match, int rank) {
        Reference of = match.reference;
        Map<String, Object> found = ofPairs("rank", rank, "id", of.id, "name", of.name, "score", rounded(match.score, 6),
            "confidence", match.confidence == null ? null : rounded(match.confidence, 4), "band", match.band,
            "namespace", of.namespace, "labels", of.labels,
            "location", of.latitude == null || of.longitude == null ? null : ofPairs("lat", of.latitude, "lng", of.longitude),
            "url", of.url, "licence", of.licence, "attributes", of.attributes, "place", null, "matched_points", match.matchedPoints);
        if (match.placeScore != null) {
            Object distance = match.distanceM == null ? null : rounded(match.distanceM, 1);
            BigDecimal score = new BigDecimal(match.placeScore).round(new MathContext(4));
            found.put("place", ofPairs("distance_m", distance, "score", score.doubleValue(), "vision_confidence",
                rounded(match.visionConfidence, 4)));
        }
        if (!match.reasons.isEmpty()) {
            List<Object> why = new ArrayList<>();
            List<String> words = new ArrayList<>();
            for (TextReason each : match.reasons) {
                why.add(ofPairs("found_in", each.foundIn, "key", each.key.isEmpty() ? null : each.key, "exact", each.isExact,
                    "corrected", each.corrected));
                words.add(each.inWords());
            }
            found.put("why", why);
            found.put("why_in_words", String.join(", ", words));
        }
        if (match.picture != null) {
            found.put("picture", match.picture);
        }
        return found;
    }

    private static Map<String, Object> ofPairs(Object... pairs) {
        Map<String, Object> found = new LinkedHashMap<>();
        for (int at = 0; at < pairs.length; at += 2) {
            found.put((String) pairs[at], pairs[at + 1]);
        }
        return found;
    }

    private static double rounded(double value, int digits) {
        return new BigDecimal(value).setScale(digits, RoundingMode.HALF_UP).doubleValue();
    }
}
