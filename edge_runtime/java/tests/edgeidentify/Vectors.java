package edgeidentify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** Reading the vectors, and comparing with them. */
final class Vectors {
    static Path folder;
    private static int checks;

    /** Something that may be refused. */
    interface Action {
        void run() throws IOException;
    }

    private Vectors() {
    }

    static int checks() {
        return checks;
    }

    static List<Map<String, Object>> of(String name) throws IOException {
        return objects(document(name));
    }

    static Object document(String name) throws IOException {
        return Json.parse(bytes(name + ".json"), name);
    }

    static byte[] bytes(String name) throws IOException {
        return Files.readAllBytes(folder.resolve(name));
    }

    static Image image(Object value) {
        Map<String, Object> image = object(value);
        byte[] data = Base64.getDecoder().decode((String) image.get("data"));
        return new Image(data, whole(image.get("width")), whole(image.get("height")));
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
        checks++;
    }

    static void same(Object found, Object expected, String what) {
        check(found.equals(expected), what + ": " + found + ", expected " + expected);
    }

    static void near(double found, double expected, double tolerance, String what) {
        check(Math.abs(found - expected) <= tolerance, what + ": " + found + ", expected " + expected);
    }

    static void near(double[] found, Object expected, double tolerance, String what) {
        double[] numbers = numbers(expected);
        check(found.length == numbers.length, what + ": " + found.length + " numbers, expected " + numbers.length);
        for (int at = 0; at < numbers.length; at++) {
            near(found[at], numbers[at], tolerance, what);
        }
    }

    static void near(float[] found, Object expected, double tolerance, String what) {
        double[] wide = new double[found.length];
        Arrays.setAll(wide, at -> found[at]);
        near(wide, expected, tolerance, what);
    }

    static void refused(Action action, String code, String what) throws IOException {
        try {
            action.run();
        } catch (EdgeIdentifyException error) {
            same(error.code().text, code, what + " (" + error.getMessage() + ")");
            return;
        }
        throw new AssertionError(what + " was not refused");
    }

    /** Cuts a file at many places and prolongs it: each must be refused as damage. */
    static void refusesEveryCut(byte[] data, java.util.function.Consumer<byte[]> read, String what) throws IOException {
        for (int length = 0; length < data.length; length += Math.max(1, data.length / 97)) {
            byte[] cut = Arrays.copyOf(data, length);
            refused(() -> read.accept(cut), "pack-damaged", what + " of " + length + " bytes");
        }
        refused(() -> read.accept(Arrays.copyOf(data, data.length + 1)), "pack-damaged", what + " prolonged");
    }

    static int whole(Object value) {
        return ((Number) value).intValue();
    }

    static double number(Object value) {
        return ((Number) value).doubleValue();
    }

    static long[] longs(Object value) {
        return list(value).stream().mapToLong(each -> ((Number) each).longValue()).toArray();
    }

    static double[] numbers(Object value) {
        return list(value).stream().mapToDouble(Vectors::number).toArray();
    }

    static float[] floats(Object value) {
        double[] wide = numbers(value);
        float[] found = new float[wide.length];
        for (int at = 0; at < wide.length; at++) {
            found[at] = (float) wide[at];
        }
        return found;
    }

    static List<Map<String, Object>> objects(Object value) {
        List<Map<String, Object>> found = new ArrayList<>();
        list(value).forEach(each -> found.add(object(each)));
        return found;
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }

    @SuppressWarnings("unchecked")
    static List<Object> list(Object value) {
        return (List<Object>) value;
    }
}
