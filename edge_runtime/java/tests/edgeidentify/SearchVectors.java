package edgeidentify;

import static edgeidentify.Vectors.bytes;
import static edgeidentify.Vectors.check;
import static edgeidentify.Vectors.document;
import static edgeidentify.Vectors.floats;
import static edgeidentify.Vectors.list;
import static edgeidentify.Vectors.longs;
import static edgeidentify.Vectors.near;
import static edgeidentify.Vectors.object;
import static edgeidentify.Vectors.objects;
import static edgeidentify.Vectors.refusesEveryCut;
import static edgeidentify.Vectors.same;
import static edgeidentify.Vectors.whole;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/** The index, the tables, and words. */
final class SearchVectors {
    private SearchVectors() {
    }

    static void run() throws IOException {
        index();
        references();
        damagedReferences();
        thumbnails();
        descriptors();
        words();
        tokens();
    }

    private static void index() throws IOException {
        Set<Object> cut = new HashSet<>();
        for (Map<String, Object> each : Vectors.of("index")) {
            String file = (String) each.get("file");
            byte[] data = bytes(file);
            IndexFile index = open(each, data);
            String signs = (String) each.get("signs");
            BinaryCodes codes = signs == null ? null : new BinaryCodes(bytes(signs), index, signs);
            List<Object> views = list(each.get("views"));
            float[][] queries = new float[views.size()][];
            for (int view = 0; view < queries.length; view++) {
                queries[view] = floats(views.get(view));
            }
            Set<Long> among = each.get("among") == null ? null : ids(each.get("among"));
            int k = whole(each.get("k"));
            List<IndexFile.Neighbour> found = codes == null ? index.nearest(queries, k, among) : codes.nearest(queries, k);
            check(Arrays.equals(found.stream().mapToLong(one -> one.id).toArray(), longs(each.get("ids"))), "ids of " + file);
            near(found.stream().mapToDouble(one -> one.score).toArray(), each.get("scores"), 2e-6, "scores of " + file);
            if (cut.add(file + signs)) {
                refusesEveryCut(data, part -> open(each, part), file);
                if (signs != null) {
                    refusesEveryCut(bytes(signs), part -> new BinaryCodes(part, index, signs), signs);
                }
            }
        }
    }

    private static IndexFile open(Map<String, Object> each, byte[] data) {
        return new IndexFile(data, (String) each.get("kind"), whole(each.get("dim")), whole(each.get("count")), "index");
    }

    private static Set<Long> ids(Object value) {
        Set<Long> found = new TreeSet<>();
        Arrays.stream(longs(value)).forEach(found::add);
        return found;
    }

    private static ReferenceTable table(Map<String, Object> expected) throws IOException {
        String file = (String) expected.get("file");
        return new ReferenceTable(bytes(file), file);
    }

    private static void references() throws IOException {
        Map<String, Object> expected = object(document("references"));
        ReferenceTable table = table(expected);
        same((long) table.references().size(), expected.get("count"), "number of references");
        for (Map<String, Object> each : objects(expected.get("references"))) {
            Reference found = table.reference((String) each.get("id"));
            check(found.name.equals(each.get("name")) && found.namespace.equals(each.get("namespace")), "name");
            check(found.labels.equals(each.get("labels")) && found.attributes.equals(each.get("attributes")), "labels");
            check(Objects.equals(found.url, each.get("url")) && Objects.equals(found.licence, each.get("licence")), "url");
            check(Objects.equals(found.latitude, each.get("latitude")), "latitude");
        }
        object(expected.get("reference_ids")).forEach((image, id) -> same(table.referenceIdOf(Long.parseLong(image)), id, image));
        object(expected.get("images_of")).forEach((id, images) -> same(table.imagesOf(id), images, id));
        object(expected.get("image_facts")).forEach((image, facts) ->
            same(table.imageFacts(Long.parseLong(image)), facts, image));
        same(new ArrayList<>(table.namespaces()), expected.get("namespaces"), "namespaces");
        same(new ArrayList<>(table.labelKinds()), expected.get("label_kinds"), "kinds of labels");
        same(new ArrayList<>(table.labelValues("kind")), object(expected.get("label_values")).get("kind"), "values");
        Filters filters = filters(expected.get("filters"));
        same(table.ids(filters), expected.get("passing"), "passing");
        same(new TreeSet<>(table.indexIds(filters)), ids(expected.get("passing_index_ids")), "passing images");
        same((long) table.coordinates().size(), expected.get("located_count"), "located");
        check(!table.has("no such thing"), "a missing reference");
        Vectors.refused(() -> table.reference("no such thing"), "pack-damaged", "a missing reference");
    }

    static Filters filters(Object value) {
        Map<String, Object> fields = object(value);
        Filters found = Filters.NONE.inNamespaces(list(fields.get("namespaces")).toArray(new String[0]));
        for (Map.Entry<String, Object> each : object(fields.get("labels")).entrySet()) {
            found = found.withLabel(each.getKey(), list(each.getValue()).toArray(new String[0]));
        }
        return found;
    }

    private static void damagedReferences() throws IOException {
        Map<String, Object> expected = object(document("references"));
        byte[] whole = bytes((String) expected.get("file"));
        String id = (String) objects(expected.get("references")).get(1).get("id");
        for (int at = 0; at < 4000; at += 29) {
            byte[] data = Arrays.copyOf(whole, at % 3 > 0 ? whole.length : whole.length - 3 * at);
            data[at * 7919 % data.length] ^= 1 << at % 8;
            try {
                ReferenceTable table = new ReferenceTable(data, "references");
                table.reference(id);
                table.references();
            } catch (EdgeIdentifyException error) {
                same(error.code().text, "pack-damaged", error.getMessage());
            }
        }
    }

    private static void thumbnails() throws IOException {
        Map<String, Object> expected = object(document("thumbnails"));
        ThumbnailTable table = new ThumbnailTable(bytes((String) expected.get("file")), "thumbnails");
        object(expected.get("sha256")).forEach((id, hash) -> same(Sha256.of(table.webp(Long.parseLong(id))), hash, id));
        check(table.webp(whole(expected.get("absent"))) == null, "an absent thumbnail");
    }

    private static void descriptors() throws IOException {
        Map<String, Object> expected = object(document("descriptors"));
        byte[] data = bytes((String) expected.get("file"));
        DescriptorTable table = descriptors(expected, data);
        object(expected.get("points")).forEach((id, value) -> {
            Points found = table.points(Long.parseLong(id));
            Map<String, Object> points = object(value);
            check(found.width == whole(points.get("width")) && found.height == whole(points.get("height")), "size");
            near(found.positions, points.get("positions"), 0, "positions");
            near(found.descriptors, points.get("descriptors"), 1e-6, "descriptors");
        });
        check(table.points(whole(expected.get("absent"))) == null, "absent points");
        refusesEveryCut(data, part -> descriptors(expected, part), "descriptors");
    }

    private static DescriptorTable descriptors(Map<String, Object> of, byte[] data) {
        return new DescriptorTable(data, whole(of.get("dim")), whole(of.get("most_points")), whole(of.get("most_images")), "points");
    }

    private static void words() throws IOException {
        WordIndex index = new WordIndex(table(object(document("references"))).references());
        for (Map<String, Object> each : Vectors.of("words")) {
            String text = (String) each.get("text");
            List<WordIndex.Hit> found = index.find(text, 4, null);
            List<Map<String, Object>> expected = objects(each.get("hits"));
            check(found.size() == expected.size(), "number of hits of " + text);
            for (int at = 0; at < found.size(); at++) {
                WordIndex.Hit hit = found.get(at);
                same(hit.referenceId, expected.get(at).get("id"), text);
                same((long) hit.rank, expected.get(at).get("rank"), text);
                same(hit.isExact, expected.get(at).get("exact"), text);
                List<Object> why = new ArrayList<>();
                hit.reasons.forEach(one -> why.add(Arrays.asList(one.foundIn, one.key, one.isExact, one.corrected)));
                same(why, expected.get(at).get("why"), text);
            }
        }
    }

    private static void tokens() throws IOException {
        Map<String, Object> expected = object(document("tokens"));
        byte[] merges = ((String) expected.get("merges")).getBytes(StandardCharsets.UTF_8);
        for (Map<String, Object> each : objects(expected.get("cases"))) {
            Manifest.TokenizerSpec spec = new Manifest.TokenizerSpec("clip-bpe", "merges",
                whole(expected.get("context_length")), (String) each.get("cleaning"));
            long[] found = new ClipTokenizer(merges, spec).encode((String) each.get("text"));
            check(Arrays.equals(found, longs(each.get("ids"))), each.get("cleaning") + " tokens of " + each.get("text"));
        }
    }
}
