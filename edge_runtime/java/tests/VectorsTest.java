import edgeidentify.Decision;
import edgeidentify.IndexFile;
import edgeidentify.Json;
import edgeidentify.PackException;
import edgeidentify.PointAgreement;
import edgeidentify.Preprocessing;
import edgeidentify.SqliteFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Runs the conformance vectors that Python makes: {@code java VectorsTest tests/conformance/vectors}. */
public final class VectorsTest {
    private static Path folder;
    private static int checks;

    public static void main(String[] arguments) throws IOException {
        folder = Path.of(arguments[0]);
        resize();
        index();
        truncated();
        agreement();
        decisions();
        references();
        damagedReferences();
        System.out.println(checks + " checks passed");
    }

    private static void resize() throws IOException {
        for (Map<String, Object> each : vectors("resize")) {
            Map<String, Object> image = object(each.get("image"));
            Map<String, Object> recipe = object(each.get("recipe"));
            byte[] rgb = Base64.getDecoder().decode((String) image.get("data"));
            int width = whole(image.get("width"));
            int height = whole(image.get("height"));
            if (rgb.length != 3 * width * height) {
                continue; // transparency is laid over white by Android's decoder
            }
            Preprocessing preprocessing = new Preprocessing(whole(recipe.get("size_px")),
                (String) recipe.get("resize_mode"), (String) recipe.get("interpolation"),
                numbers(recipe.get("photo_views")));
            byte[] found = preprocessing.photoViews(rgb, width, height);
            check(Arrays.equals(found, Base64.getDecoder().decode((String) each.get("pixels"))), "pixels of " + recipe);
        }
    }

    private static void index() throws IOException {
        for (Map<String, Object> each : vectors("index")) {
            if (each.get("signs") != null) {
                continue; // a reader may ignore binary codes
            }
            IndexFile index = open(each, bytes((String) each.get("file")));
            List<Object> views = list(each.get("views"));
            float[][] queries = new float[views.size()][];
            for (int view = 0; view < queries.length; view++) {
                queries[view] = floats(views.get(view));
            }
            Set<Long> among = each.get("among") == null ? null : new HashSet<>(Arrays.asList(longs(each.get("among"))));
            List<IndexFile.Neighbour> found = index.nearest(queries, whole(each.get("k")), among);
            Long[] ids = longs(each.get("ids"));
            double[] scores = numbers(each.get("scores"));
            check(found.size() == ids.length, "count");
            for (int at = 0; at < ids.length; at++) {
                check(found.get(at).id == ids[at], "ids of " + each.get("file"));
                near(found.get(at).score, scores[at], 2e-6);
            }
        }
    }

    private static IndexFile open(Map<String, Object> each, byte[] data) {
        return new IndexFile(data, (String) each.get("kind"), whole(each.get("dim")), whole(each.get("count")), "index");
    }

    private static void truncated() throws IOException {
        for (Map<String, Object> each : vectors("index")) {
            byte[] data = bytes((String) each.get("file"));
            for (int length = 0; length < data.length; length += Math.max(1, data.length / 50)) {
                refuses(each, Arrays.copyOf(data, length));
            }
            refuses(each, Arrays.copyOf(data, data.length + 1));
        }
    }

    private static void refuses(Map<String, Object> each, byte[] data) {
        try {
            open(each, data);
        } catch (PackException error) {
            check(error.kind() == PackException.Kind.DAMAGED, error.getMessage());
            return;
        }
        throw new AssertionError(each.get("file") + " of " + data.length + " bytes was read");
    }

    private static void agreement() throws IOException {
        for (Map<String, Object> each : vectors("agreement")) {
            double least = ((Number) each.get("least_similarity")).doubleValue();
            int found = PointAgreement.count(points(each.get("photo")), points(each.get("reference")), least);
            check(Math.abs(found - whole(each.get("count"))) <= 1, found + " agree, " + each.get("count"));
        }
    }

    private static PointAgreement.Points points(Object value) {
        Map<String, Object> of = object(value);
        return new PointAgreement.Points(whole(of.get("width")), whole(of.get("height")), floats(of.get("positions")),
            floats(of.get("descriptors")), whole(of.get("dim")));
    }

    private static void decisions() throws IOException {
        for (Map<String, Object> each : vectors("decisions")) {
            double[] scores = numbers(each.get("scores"));
            double[] crowd = each.get("crowd") == null ? scores : numbers(each.get("crowd"));
            Decision found = Decision.of(scores, crowd, object(each.get("calibration")));
            Map<String, Object> expected = object(each.get("verdict"));
            check(found.word.equals(expected.get("decision")), found.word);
            check(found.lookAlikeCount == whole(expected.get("look_alike_count")), "look-alikes");
            near(found.evidence, ((Number) expected.get("evidence")).doubleValue(), 1e-8);
            near(found.knownProbability, ((Number) expected.get("known_probability")).doubleValue(), 1e-8);
            double[] confidences = numbers(expected.get("confidences"));
            for (int at = 0; at < confidences.length; at++) {
                near(found.confidences[at], confidences[at], 1e-8);
            }
        }
    }

    private static void references() throws IOException {
        Map<String, Object> expected = object(document("references"));
        SqliteFile file = new SqliteFile(bytes((String) expected.get("file")), 1 << 20, "references");
        check(file.table("reference").size() == whole(expected.get("count")), "number of references");
        for (Object each : list(expected.get("references"))) {
            Map<String, Object> reference = object(each);
            Object[] row = file.table("reference").get(reference.get("id"));
            check(row[1].equals(reference.get("name")) && row[2].equals(reference.get("namespace")), "name");
            check(Objects.equals(row[6], reference.get("url")), "url");
            boolean isLocated = reference.get("latitude") != null;
            check(isLocated == (row[4] != null), "location"); // SQLite stores a whole REAL as an integer
            check(!isLocated || ((Number) row[4]).doubleValue() == ((Number) reference.get("latitude")).doubleValue(), "latitude");
            byte[] attributes = ((String) row[8]).getBytes(java.nio.charset.StandardCharsets.UTF_8);
            check(Json.parse(attributes, "attributes").equals(reference.get("attributes")), "attributes");
        }
        for (Map.Entry<String, Object> each : object(expected.get("reference_ids")).entrySet()) {
            check(file.table("reference_image").get(each.getKey())[1].equals(each.getValue()), "image " + each.getKey());
        }
    }

    private static void damagedReferences() throws IOException {
        byte[] whole = bytes((String) object(document("references")).get("file"));
        for (int at = 0; at < 2000; at += 13) {
            byte[] data = Arrays.copyOf(whole, at % 3 > 0 ? whole.length : whole.length - 3 * at);
            data[at * 7919 % data.length] ^= 1 << at % 8;
            try {
                new SqliteFile(data, 1 << 20, "references");
            } catch (PackException error) {
                check(error.kind() == PackException.Kind.DAMAGED, error.getMessage());
            }
        }
    }

    private static List<Map<String, Object>> vectors(String name) throws IOException {
        List<Map<String, Object>> found = new java.util.ArrayList<>();
        for (Object each : list(document(name))) {
            found.add(object(each));
        }
        return found;
    }

    private static Object document(String name) throws IOException {
        return Json.parse(bytes(name + ".json"), name);
    }

    private static byte[] bytes(String name) throws IOException {
        return Files.readAllBytes(folder.resolve(name));
    }

    private static void near(double found, double expected, double tolerance) {
        check(Math.abs(found - expected) <= tolerance, found + ", expected " + expected);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
        checks++;
    }

    private static int whole(Object value) {
        return ((Number) value).intValue();
    }

    private static Long[] longs(Object value) {
        return list(value).stream().map(each -> ((Number) each).longValue()).toArray(Long[]::new);
    }

    private static double[] numbers(Object value) {
        return list(value).stream().mapToDouble(each -> ((Number) each).doubleValue()).toArray();
    }

    private static float[] floats(Object value) {
        double[] wide = numbers(value);
        float[] found = new float[wide.length];
        for (int at = 0; at < wide.length; at++) {
            found[at] = (float) wide[at];
        }
        return found;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }

    @SuppressWarnings("unchecked")
    private static List<Object> list(Object value) {
        return (List<Object>) value;
    }
}
