package edgeidentify;

import static edgeidentify.Vectors.list;
import static edgeidentify.Vectors.near;
import static edgeidentify.Vectors.number;
import static edgeidentify.Vectors.numbers;
import static edgeidentify.Vectors.object;
import static edgeidentify.Vectors.same;
import static edgeidentify.Vectors.whole;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Decisions by similarity, with points, with a position, and of several photos. */
final class DecisionVectors {
    private DecisionVectors() {
    }

    static void run() throws IOException {
        decisions();
        places();
        together();
        badCalibrations();
    }

    private static Calibration calibration(Object fields) {
        Map<String, Object> variants = Collections.singletonMap("variants", Collections.singletonMap("one", fields));
        byte[] json = JsonText.of(variants).getBytes(StandardCharsets.UTF_8);
        return Calibration.File.parse(json, "vector").photos.get("one");
    }

    private static void decisions() throws IOException {
        for (Map<String, Object> each : Vectors.of("decisions")) {
            Calibration calibration = calibration(each.get("calibration"));
            double[] scores = numbers(each.get("scores"));
            double[] crowd = each.get("crowd") == null ? scores : numbers(each.get("crowd"));
            Decision found = Decision.of(scores, crowd, calibration);
            compare(found, each.get("verdict"));
            if (each.get("points") != null) {
                int[] points = Arrays.stream(numbers(each.get("points"))).mapToInt(one -> (int) one).toArray();
                Decision.Ranked ranked = Evidence.withPoints(found, points, calibration);
                compare(ranked.decision, each.get("with_points"));
                same(Arrays.toString(ranked.order), object(each.get("with_points")).get("order").toString(), "order");
            }
        }
    }

    private static void compare(Decision found, Object value) {
        Map<String, Object> expected = object(value);
        same(found.word, expected.get("decision"), "decision");
        same((long) found.lookAlikeCount, expected.get("look_alike_count"), "look-alikes");
        near(found.evidence, number(expected.get("evidence")), 1e-8, "evidence");
        near(found.knownProbability, number(expected.get("known_probability")), 1e-8, "known");
        near(found.confidences, expected.get("confidences"), 1e-8, "confidences");
    }

    private static void places() throws IOException {
        for (Map<String, Object> each : Vectors.of("places")) {
            Map<String, Object> of = object(each.get("position"));
            Double accuracyM = of.get("accuracy_m") == null ? null : (Double) number(of.get("accuracy_m"));
            Position position = new Position(number(of.get("latitude")), number(of.get("longitude")), accuracyM);
            List<double[]> spots = new ArrayList<>();
            list(each.get("coordinates")).forEach(spot -> spots.add(spot == null ? null : numbers(spot)));
            List<double[]> located = new ArrayList<>(spots);
            located.removeIf(spot -> spot == null);
            double crowd = Evidence.meanNearness(position, located);
            double[] scores = spots.stream().mapToDouble(spot -> Evidence.placeScore(position, spot, crowd)).toArray();
            double[] expected = numbers(each.get("place_scores"));
            for (int at = 0; at < scores.length; at++) {
                near(scores[at] / expected[at], 1, 1e-6, "place score");
                double[] spot = spots.get(at);
                if (spot != null) {
                    double distance = Position.distanceM(position.latitude, position.longitude, spot[0], spot[1]);
                    near(distance, number(list(each.get("distances_m")).get(at)), 0.01, "distance");
                }
            }
            double[] similarities = numbers(each.get("scores"));
            Decision.Ranked found = Evidence.withPlace(similarities, scores, similarities, Double.POSITIVE_INFINITY,
                calibration(each.get("calibration")));
            same(Arrays.toString(found.order), each.get("order").toString(), "order");
            compare(found.decision, each.get("verdict"));
        }
    }

    private static void together() throws IOException {
        for (Map<String, Object> each : Vectors.of("together")) {
            List<List<Nearest>> photos = new ArrayList<>();
            list(each.get("photos")).forEach(found -> photos.add(nearest(found)));
            List<Nearest> expected = nearest(each.get("fused"));
            List<Nearest> found = Nearest.fused(photos);
            same(found.size(), expected.size(), "number of references");
            for (int at = 0; at < found.size(); at++) {
                same(found.get(at).referenceId, expected.get(at).referenceId, "reference");
                same(found.get(at).indexId, expected.get(at).indexId, "image");
                near(found.get(at).score, expected.get(at).score, 1e-8, "score");
            }
        }
    }

    private static List<Nearest> nearest(Object value) {
        List<Nearest> found = new ArrayList<>();
        for (Object each : list(value)) {
            List<Object> fields = list(each);
            found.add(new Nearest((String) fields.get(0), number(fields.get(1)), whole(fields.get(2))));
        }
        return found;
    }

    private static void badCalibrations() throws IOException {
        for (String text : new String[] {"", "[]", "{\"variants\": {\"one\": {}}}", "{\"variants\": 3}"}) {
            byte[] data = text.getBytes(StandardCharsets.UTF_8);
            Vectors.refused(() -> Calibration.File.parse(data, "calibration"), "pack-format", "calibration " + text);
        }
    }
}
