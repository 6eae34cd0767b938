package edgeidentify;

import java.util.List;

/** The self-test of a pack: a few photos with their expected embeddings and points. */
final class SelfTest {
    private static final int MAX_CASES_BYTES = 4 << 20;
    private static final int MAX_CASES = 64;
    private static final double SAME_PLACE_PX = 1.5;
    private static final double LEAST_FOUND = 0.75;
    private static final double COUNT_DIFFERENCE = 0.1;

    private final PackIdentifier identifier;
    private final Runtime runtime;
    private final String path;

    SelfTest(PackIdentifier identifier, Runtime runtime) {
        this.identifier = identifier;
        this.runtime = runtime;
        this.path = identifier.manifest.conformanceFile;
    }

    /** Embeds and answers each photo, finds the points of one, and reads all references. */
    double run() {
        JsonObject fields = JsonObject.parse(identifier.pack.file(path), MAX_CASES_BYTES, path);
        double tolerance = fields.number("tolerance");
        List<JsonObject> cases = fields.objects("cases");
        if (cases.isEmpty() || cases.size() > MAX_CASES || !(tolerance > 0 && tolerance <= 1)) {
            throw EdgeIdentifyException.damaged(path, "holds " + cases.size() + " photos and a tolerance of " + tolerance);
        }
        identifier.finder.checkReferences();
        double worst = 1;
        for (JsonObject entry : cases) {
            double cosine = cosine(entry);
            if (!(cosine >= tolerance)) {
                throw different(entry.text("photo") + " has cosine " + cosine + " to its expected embedding (at least "
                    + tolerance + " needed): the encoder");
            }
            worst = Math.min(worst, cosine);
        }
        if (fields.has("points") && identifier.comparison.isPossible()) {
            checkPoints(fields.object("points"));
        }
        identifier.searcher.selfTest();
        return worst;
    }

    private double cosine(JsonObject entry) {
        float[] found = identifier.embedImage(image(entry));
        identifier.answerOf(found); // as an answer does
        double[] expected = entry.numbers("embedding");
        double product = 0;
        double ours = 0;
        double theirs = 0;
        for (int at = 0; at < found.length && expected.length == found.length; at++) {
            product += found[at] * expected[at];
            ours += found[at] * found[at];
            theirs += expected[at] * expected[at];
        }
        return product / Math.sqrt(ours * theirs);
    }

    private void checkPoints(JsonObject entry) {
        long expected = entry.whole("count", 1, Manifest.MAX_POINTS);
        Points points = identifier.comparison.selfTestPoints(image(entry));
        List<Object> places = entry.list("first");
        int there = 0;
        for (Object place : places) {
            there += isNear(points, place) ? 1 : 0;
        }
        boolean isAlike = Math.abs(points.count() - expected) <= COUNT_DIFFERENCE * expected;
        if (!isAlike || !(there >= LEAST_FOUND * places.size())) {
            throw different(entry.text("photo") + " has " + points.count() + " points (" + expected + " expected), and " + there
                + " of " + places.size() + " expected places: the local-feature net");
        }
    }

    private boolean isNear(Points points, Object place) {
        List<?> pair = place instanceof List ? (List<?>) place : java.util.Collections.emptyList();
        if (pair.size() != 2 || !(pair.get(0) instanceof Number) || !(pair.get(1) instanceof Number)) {
            throw EdgeIdentifyException.damaged(path, "`first` should be a list of places (x, y)");
        }
        boolean isFound = false;
        for (int at = 0; at < points.positions.length; at += 2) {
            double across = Math.abs(points.positions[at] - ((Number) pair.get(0)).doubleValue());
            double down = Math.abs(points.positions[at + 1] - ((Number) pair.get(1)).doubleValue());
            isFound |= Math.max(across, down) <= SAME_PLACE_PX;
        }
        return isFound;
    }

    private Image image(JsonObject entry) {
        return runtime.decode(identifier.pack.file(PackNames.checkedPath(entry.text("photo"))));
    }

    private EdgeIdentifyException different(String found) {
        String pack = "pack " + identifier.manifest.name;
        return EdgeIdentifyException.damaged(pack, "self-test photo " + found + " computes something else on this device");
    }
}
