package edgeidentify;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/** Lookups in the references of a pack, {@code references.sqlite}. */
public final class ReferenceTable {
    private static final int MAX_REFERENCE_BYTES = 1 << 20;
    private static final String[] COLUMNS =
        {"id", "name", "namespace", "labels", "latitude", "longitude", "url", "licence", "attributes"};

    private final SqliteFile file;
    private final String where;
    private Map<String, List<Long>> images;
    private Map<String, double[]> coordinates;
    private List<Reference> references;

    /** Reads a file whose hash was checked. The array is kept. */
    public ReferenceTable(byte[] data, String where) {
        this.where = where;
        file = new SqliteFile(data, MAX_REFERENCE_BYTES, where);
    }

    /** Returns a reference; one that is missing is damage. */
    public Reference reference(String id) {
        return of(needed(file.row("reference", id, COLUMNS), id));
    }

    /** Returns whether there is such a reference. */
    public boolean has(String id) {
        return file.row("reference", id, "id") != null;
    }

    /** Returns the id of the reference that an image of the index shows. */
    public String referenceIdOf(long indexId) {
        return text(indexId, needed(file.row("reference_image", indexId, "reference_id"), indexId)[0]);
    }

    /** Returns what is known of a reference image, to credit it: path, type, licence, provenance; null if nothing is. */
    public Map<String, String> imageFacts(long indexId) {
        if (!file.has("picture")) {
            return null;
        }
        String[] columns = {"path", "type", "licence", "provenance"};
        Object[] row = file.row("picture", indexId, columns);
        Map<String, String> facts = new LinkedHashMap<>();
        for (int at = 0; row != null && at < row.length; at++) {
            facts.put(columns[at], row[at] == null ? null : String.valueOf(row[at]));
        }
        return facts.values().stream().allMatch(value -> value == null) ? null : facts;
    }

    /** Returns the index ids of a reference's images, rising. */
    public List<Long> imagesOf(String id) {
        if (images == null) {
            Map<String, List<Long>> found = new HashMap<>();
            file.eachRow("reference_image",
                row -> found.computeIfAbsent(String.valueOf(row[1]), key -> new ArrayList<>()).add((Long) row[0]),
                "index_id", "reference_id");
            images = found;
        }
        return images.getOrDefault(id, Collections.emptyList());
    }

    /** Returns all references, by id. */
    public List<Reference> references() {
        if (references == null) {
            List<Reference> found = new ArrayList<>();
            file.eachRow("reference", row -> found.add(of(row)), COLUMNS);
            references = found;
        }
        return references;
    }

    /** Returns the latitude and longitude of all references that have some, by id. */
    public Map<String, double[]> coordinates() {
        if (coordinates == null) {
            Map<String, double[]> found = new LinkedHashMap<>();
            file.eachRow("reference", row -> addPlace(row, found), "id", "latitude", "longitude");
            coordinates = found;
        }
        return coordinates;
    }

    /** Returns all namespaces but the empty one, sorted. */
    public Set<String> namespaces() {
        Set<String> found = distinct(each -> Collections.singleton(each.namespace));
        found.remove("");
        return found;
    }

    /** Returns all kinds of labels, sorted. */
    public Set<String> labelKinds() {
        return distinct(each -> each.labels.keySet());
    }

    /** Returns all values of a kind of label, sorted. */
    public Set<String> labelValues(String kind) {
        return distinct(each -> each.labels.containsKey(kind)
            ? Collections.singleton(each.labels.get(kind)) : Collections.emptySet());
    }

    /** Returns the ids of the references that pass filters, sorted. */
    public List<String> ids(Filters filters) {
        List<String> found = new ArrayList<>();
        for (Reference each : references()) {
            if (each.passes(filters)) {
                found.add(each.id);
            }
        }
        return found;
    }

    /** Returns the index ids of all images whose references pass filters. */
    public Set<Long> indexIds(Filters filters) {
        Set<Long> found = new HashSet<>();
        ids(filters).forEach(id -> found.addAll(imagesOf(id)));
        return found;
    }

    /** Reads every reference and every image once, as answers do, and returns the number of references. */
    int checkAll(long[] indexIds) {
        Set<String> ids = new HashSet<>();
        file.eachRow("reference", row -> ids.add(of(row).id), COLUMNS);
        Set<Object> known = new HashSet<>();
        file.eachRow("reference_image", row -> {
            known.add(row[0]);
            if (!ids.contains(row[1])) {
                throw EdgeIdentifyException.damaged(where, "the image " + row[0] + " belongs to no reference");
            }
        }, "index_id", "reference_id");
        for (long id : indexIds) {
            if (!known.contains(id)) {
                throw EdgeIdentifyException.damaged(where, "does not list the image " + id + ", which the index holds");
            }
        }
        return ids.size();
    }

    private Set<String> distinct(Function<Reference, Set<String>> values) {
        Set<String> found = new TreeSet<>(CodePoints.ORDER);
        references().forEach(each -> found.addAll(values.apply(each)));
        return found;
    }

    private static void addPlace(Object[] row, Map<String, double[]> found) {
        if (row[1] instanceof Number && row[2] instanceof Number) {
            double[] place = {((Number) row[1]).doubleValue(), ((Number) row[2]).doubleValue()};
            if (Math.abs(place[0]) <= 90 && Math.abs(place[1]) <= 180) {
                found.put(String.valueOf(row[0]), place);
            }
        }
    }

    private Reference of(Object[] row) {
        Object id = row[0];
        return new Reference(text(id, id), text(id, row[1]), text(id, row[2]), texts(id, row[3]), degrees(id, row[4], 90),
            degrees(id, row[5], 180), row[6] == null ? null : text(id, row[6]), row[7] == null ? null : text(id, row[7]),
            texts(id, row[8]));
    }

    private Object[] needed(Object[] row, Object key) {
        if (row == null) {
            throw EdgeIdentifyException.damaged(where, "has no entry " + key + ", which the index refers to");
        }
        return row;
    }

    private String text(Object id, Object value) {
        if (!(value instanceof String)) {
            throw malformed(id, "a value is no text");
        }
        return (String) value;
    }

    private Double degrees(Object id, Object value, int most) {
        if (value == null) {
            return null;
        }
        if (!(value instanceof Number) || !(Math.abs(((Number) value).doubleValue()) <= most)) {
            throw malformed(id, "its coordinate is " + value + ", not -" + most + " to " + most + " degrees");
        }
        return ((Number) value).doubleValue(); // SQLite stores a whole REAL as an integer
    }

    private Map<String, String> texts(Object id, Object column) {
        Map<String, String> found = new LinkedHashMap<>();
        try {
            byte[] json = text(id, column).getBytes(StandardCharsets.UTF_8);
            JsonObject fields = JsonObject.parse(json, MAX_REFERENCE_BYTES, where);
            fields.values.keySet().forEach(key -> found.put(key, fields.text(key)));
        } catch (EdgeIdentifyException error) {
            throw malformed(id, error.getMessage());
        }
        return found;
    }

    private EdgeIdentifyException malformed(Object id, String problem) {
        String entry = String.valueOf(id);
        String shown = entry.substring(0, Math.min(200, entry.length()));
        return EdgeIdentifyException.damaged(where, "the entry " + shown + " is malformed (" + problem + ")");
    }
}
