package edgeidentify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/** Typed access to JSON from outside: every error names the field. Unknown fields are ignored. */
final class JsonObject {
    final Map<String, Object> values;
    final String where;

    JsonObject(Map<String, Object> values, String where) {
        this.values = values;
        this.where = where;
    }

    static JsonObject parse(byte[] data, int maxBytes, String where) {
        if (data.length > maxBytes) {
            throw EdgeIdentifyException.format(where + ": " + data.length + " bytes, more than the limit of " + maxBytes);
        }
        return of(Json.parse(data, where), where);
    }

    @SuppressWarnings("unchecked")
    private static JsonObject of(Object value, String where) {
        if (!(value instanceof Map)) {
            throw EdgeIdentifyException.format(where + ": expected a JSON object, found " + kindOf(value));
        }
        return new JsonObject((Map<String, Object>) value, where);
    }

    /** Returns whether the field is there and not null. */
    boolean has(String key) {
        return values.get(key) != null;
    }

    String text(String key) {
        Object value = values.get(key);
        if (!(value instanceof String)) {
            throw wrong(key, "a text");
        }
        return (String) value;
    }

    String choice(String key, String... known) {
        String text = text(key);
        if (!Arrays.asList(known).contains(text)) {
            String message = "` is \"" + text + "\"; this version knows " + String.join(", ", known);
            throw EdgeIdentifyException.format(where + ": `" + key + message);
        }
        return text;
    }

    long whole(String key, long least, long most) {
        Object value = values.get(key);
        if (!(value instanceof Long)) {
            throw wrong(key, "a whole number");
        }
        long found = (Long) value;
        if (found < least || found > most) {
            throw EdgeIdentifyException.format(where + ": `" + key + "` is " + found + ", outside " + least + " to " + most);
        }
        return found;
    }

    double number(String key) {
        Object value = values.get(key);
        if (!(value instanceof Number)) {
            throw wrong(key, "a number");
        }
        return ((Number) value).doubleValue();
    }

    double numberWithin(String key, double least, double most) {
        double found = number(key);
        if (!(least <= found && found <= most)) {
            throw EdgeIdentifyException.format(where + ": `" + key + "` is " + found + ", outside " + least + " to " + most);
        }
        return found;
    }

    boolean truth(String key) {
        Object value = values.get(key);
        if (!(value instanceof Boolean)) {
            throw wrong(key, "true or false");
        }
        return (Boolean) value;
    }

    JsonObject object(String key) {
        Object value = values.get(key);
        if (!(value instanceof Map)) {
            throw wrong(key, "an object");
        }
        return of(value, where + "." + key);
    }

    List<JsonObject> objects(String key) {
        List<JsonObject> found = new ArrayList<>();
        for (Object value : list(key)) {
            found.add(of(value, where + "." + key + "[" + found.size() + "]"));
        }
        return found;
    }

    /** Returns what a reader makes of each entry of a field that is an object, by name. */
    <T> Map<String, T> byName(String key, BiFunction<String, JsonObject, T> read) {
        JsonObject nested = object(key);
        Map<String, T> found = new LinkedHashMap<>();
        for (String name : nested.values.keySet()) {
            found.put(name, read.apply(name, nested.object(name)));
        }
        return found;
    }

    List<String> texts(String key) {
        List<String> found = new ArrayList<>();
        for (Object value : list(key)) {
            if (!(value instanceof String)) {
                throw wrong(key, "a list of texts");
            }
            found.add((String) value);
        }
        return found;
    }

    double[] numbers(String key) {
        List<Object> values = list(key);
        double[] found = new double[values.size()];
        for (int at = 0; at < found.length; at++) {
            if (!(values.get(at) instanceof Number)) {
                throw wrong(key, "a list of numbers");
            }
            found[at] = ((Number) values.get(at)).doubleValue();
        }
        return found;
    }

    long[] wholes(String key) {
        List<Object> values = list(key);
        long[] found = new long[values.size()];
        for (int at = 0; at < found.length; at++) {
            if (!(values.get(at) instanceof Long)) {
                throw wrong(key, "a list of whole numbers");
            }
            found[at] = (Long) values.get(at);
        }
        return found;
    }

    @SuppressWarnings("unchecked")
    List<Object> list(String key) {
        Object value = values.get(key);
        if (!(value instanceof List)) {
            throw wrong(key, "a list");
        }
        return (List<Object>) value;
    }

    private EdgeIdentifyException wrong(String key, String expected) {
        String found = kindOf(values.get(key));
        return EdgeIdentifyException.format(where + ": `" + key + "` should be " + expected + ", found " + found);
    }

    private static String kindOf(Object value) {
        if (value == null) {
            return "nothing";
        }
        if (value instanceof Map) {
            return "an object";
        }
        return value instanceof List ? "a list" : "a " + value.getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);
    }
}
