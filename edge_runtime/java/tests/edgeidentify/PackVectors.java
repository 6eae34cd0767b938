package edgeidentify;

import static edgeidentify.Vectors.check;
import static edgeidentify.Vectors.document;
import static edgeidentify.Vectors.image;
import static edgeidentify.Vectors.list;
import static edgeidentify.Vectors.near;
import static edgeidentify.Vectors.number;
import static edgeidentify.Vectors.numbers;
import static edgeidentify.Vectors.object;
import static edgeidentify.Vectors.objects;
import static edgeidentify.Vectors.refused;
import static edgeidentify.Vectors.same;
import static edgeidentify.Vectors.whole;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Manifests, listings, and whole answers. */
final class PackVectors {
    private PackVectors() {
    }

    static void run() throws IOException {
        manifests();
        listings();
        answers();
        changedFile();
        options();
        severalPacks();
    }

    private static byte[] utf8(Object text) {
        return ((String) text).getBytes(StandardCharsets.UTF_8);
    }

    private static void manifests() throws IOException {
        for (Map<String, Object> each : Vectors.of("manifests")) {
            String name = (String) each.get("name");
            if (each.get("refused") != null) {
                refused(() -> Manifest.parse(utf8(each.get("text"))), "pack-" + each.get("refused"), name);
                continue;
            }
            Manifest manifest = Manifest.parse(utf8(each.get("text")));
            same(manifest.name, each.get("pack"), name);
            same(manifest.version, each.get("version"), name);
            List<String> files = new ArrayList<>();
            manifest.filesFor(Collections.singletonList("onnx-fp32")).forEach(file -> files.add(file.path));
            same(files, each.get("files"), name);
            check(Arrays.equals(manifest.preprocessing.photoViewShares(), numbers(each.get("photo_views"))), name);
            same(manifest.variantsToKeep(), Collections.singletonList("onnx-fp32"), name);
            refused(() -> manifest.filesFor(Collections.singletonList("onnx-int3")), "pack-format", "an unknown variant");
        }
    }

    private static void listings() throws IOException {
        for (Map<String, Object> each : Vectors.of("listings")) {
            String name = (String) each.get("name");
            if (each.get("refused") != null) {
                refused(() -> Listing.parse(utf8(each.get("text"))), "pack-" + each.get("refused"), name);
                continue;
            }
            Map<String, String> newest = new LinkedHashMap<>();
            Listing.parse(utf8(each.get("text"))).forEach(pack -> newest.put(pack.name, pack.versions.get(0).version));
            same(newest, each.get("newest"), name);
        }
        same(Listing.manifestPath("art", "1.0.0"), "manifests/art/1.0.0.json", "path");
        same(Listing.blobPath("abcd"), "blobs/sha256/ab/abcd", "path");
    }

    /** The encoder of the vectors' pack, without ONNX Runtime: the mean colour of the pixels as a unit vector. */
    private static float[][] meanColours(byte[] pixels, int count) {
        float[][] found = new float[count][3];
        int length = pixels.length / count;
        for (int image = 0; image < count; image++) {
            double[] sums = new double[3];
            for (int at = 0; at < length; at++) {
                sums[at % 3] += pixels[image * length + at] & 255;
            }
            double norm = Math.sqrt(sums[0] * sums[0] + sums[1] * sums[1] + sums[2] * sums[2]);
            for (int channel = 0; channel < 3; channel++) {
                found[image][channel] = (float) (norm == 0 ? 0 : sums[channel] / norm);
            }
        }
        return found;
    }

    private static Runtime runtime(Image conformance) {
        return new Runtime() {
            @Override
            public ImageEncoder imageEncoder(Pack pack, Manifest.Variant variant) {
                check(pack.file(variant.model).length > 0, "the graph's bytes");
                return PackVectors::meanColours;
            }

            @Override
            public Image decode(byte[] file) {
                return conformance;
            }
        };
    }

    private static PackIdentifier identifier() throws IOException {
        Map<String, Object> expected = object(document("answers"));
        Storage storage = new FolderStorage(Vectors.folder.resolve((String) expected.get("pack")).toFile());
        return PackIdentifier.open(storage, runtime(image(expected.get("conformance"))));
    }

    private static void answers() throws IOException {
        Map<String, Object> expected = object(document("answers"));
        PackIdentifier identifier = identifier();
        check(identifier.selfTest() > 0.99, "self-test");
        String recipe = Sha256.of(identifier.manifest.preprocessing.pixels(image(expected.get("conformance"))));
        String cases = new String(identifier.pack.file(identifier.manifest.conformanceFile), StandardCharsets.UTF_8);
        check(cases.contains(recipe), "the self-test's pixels, in every bit");
        for (Map<String, Object> each : objects(expected.get("photos"))) {
            Answer answer = identifier.identify(image(each.get("image")), options(object(each.get("options"))));
            Map<String, Object> found = object(Json.parse(utf8(answer.toJson()), "answer"));
            same(found.remove("schema"), 2L, "schema");
            same(found.remove("encoder"), "onnx-fp32", "encoder");
            found.remove("pack");
            compare(found, each.get("answer"), "answer");
        }
    }

    private static Options options(Map<String, Object> fields) {
        Options options = Options.DEFAULT;
        for (Map.Entry<String, Object> each : fields.entrySet()) {
            if (each.getKey().equals("top_k")) {
                options = options.topK(whole(each.getValue()));
            } else if (each.getKey().equals("near")) {
                List<Object> place = list(each.getValue());
                double accuracyM = number(fields.get("accuracy_m"));
                options = options.near(new Position(number(place.get(0)), number(place.get(1)), accuracyM));
            } else if (each.getKey().equals("labels")) {
                for (Map.Entry<String, Object> label : object(each.getValue()).entrySet()) {
                    options = options.among(Filters.NONE.withLabel(label.getKey(), (String) label.getValue()));
                }
            } else {
                same(each.getKey(), "accuracy_m", "an option");
            }
        }
        return options;
    }

    /** Compares documents; numbers may differ by rounding. */
    private static void compare(Object found, Object expected, String where) {
        if (expected instanceof Map) {
            same(object(found).keySet(), object(expected).keySet(), where);
            object(expected).forEach((key, value) -> compare(object(found).get(key), value, where + "." + key));
        } else if (expected instanceof List) {
            same(list(found).size(), list(expected).size(), where);
            for (int at = 0; at < list(expected).size(); at++) {
                compare(list(found).get(at), list(expected).get(at), where + "." + at);
            }
        } else if (expected instanceof Number) {
            near(number(found), number(expected), Math.max(2e-4, 1e-3 * Math.abs(number(expected))), where);
        } else {
            check(found == null ? expected == null : found.equals(expected), where + ": " + found + ", expected " + expected);
        }
    }

    private static void changedFile() throws IOException {
        Storage whole = new FolderStorage(Vectors.folder.resolve("pack").toFile());
        Storage changed = path -> {
            byte[] data = whole.read(path);
            data[path.equals("images.faiss") ? 60 : 0] ^= path.equals("images.faiss") ? 1 : 0;
            return data;
        };
        refused(() -> PackIdentifier.open(changed, runtime(null)), "pack-damaged", "a changed file");
        Storage missing = path -> whole.read(path.equals("images.faiss") ? "no such file" : path);
        refused(() -> PackIdentifier.open(missing, runtime(null)), "pack-damaged", "a missing file");
    }

    private static void options() throws IOException {
        PackIdentifier identifier = identifier();
        Image photo = image(object(document("answers")).get("conformance"));
        refused(() -> Options.DEFAULT.topK(0), "setup", "no matches");
        refused(() -> Options.DEFAULT.verifyGeometry("sometimes"), "setup", "an unknown word");
        refused(() -> new Position(91, 0, null), "setup", "a latitude of 91");
        refused(() -> identifier.identify(photo, Options.DEFAULT.verifyGeometry("always")), "setup", "no local features");
        refused(() -> identifier.identifyTogether(new ArrayList<>(), Options.DEFAULT), "setup", "no photo");
        refused(() -> identifier.search(" ", Options.DEFAULT), "setup", "an empty text");
        try {
            identifier.identify(photo, Options.DEFAULT.among(Filters.NONE.withLabel("label", "worm")));
            throw new AssertionError("a wrong label was not refused");
        } catch (EdgeIdentifyException error) {
            check(error.getMessage().contains("the nearest are warm"), error.getMessage());
        }
        same(identifier.search("crimsn", Options.DEFAULT).matches.get(0).reference.id, "crimson", "a typing error");
        check(identifier.search("zzzz", Options.DEFAULT).note.contains("no reference has these words"), "a note");
        check(identifier.reference("no such thing") == null, "a missing reference");
        Answer together = identifier.identifyTogether(Arrays.asList(photo, photo), Options.DEFAULT);
        Answer alone = identifier.identify(photo, Options.DEFAULT);
        same(together.matches.get(0).reference.id, alone.matches.get(0).reference.id, "the same photo twice");
    }

    private static void severalPacks() throws IOException {
        PackIdentifier identifier = identifier();
        List<Answer> answers = new ArrayList<>();
        for (Map<String, Object> each : objects(object(document("answers")).get("photos")).subList(0, 3)) {
            answers.add(identifier.identify(image(each.get("image")), Options.DEFAULT));
        }
        Answer best = Answer.mostCertain(answers);
        check(answers.indexOf(best) == 0 && best.inWords().startsWith("probably, 9"), best.inWords());
    }
}
