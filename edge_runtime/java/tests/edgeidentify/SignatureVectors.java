package edgeidentify;

import static edgeidentify.Vectors.object;
import static edgeidentify.Vectors.objects;
import static edgeidentify.Vectors.same;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;

/** Signed repositories, good and attacking. */
final class SignatureVectors {
    private SignatureVectors() {
    }

    static void run(Path folder) throws IOException {
        Map<String, Object> document = object(Json.parse(Files.readAllBytes(folder.resolve("vectors.json")), "vectors"));
        Map<String, Object> texts = object(document.get("texts"));
        for (Map<String, Object> each : objects(document.get("cases"))) {
            Map<String, byte[]> stored = new HashMap<>();
            byte[] pinned = null;
            for (Map<String, Object> step : objects(each.get("steps"))) {
                Map<String, byte[]> files = new HashMap<>();
                object(step.get("files")).forEach((name, key) ->
                    files.put(name, ((String) texts.getOrDefault(key, key)).getBytes(StandardCharsets.UTF_8)));
                pinned = pinned == null ? files.get(each.get("pinned")) : pinned;
                same(verdict(each, new Device(pinned, null, files, stored)), step.get("verdict"), (String) each.get("name"));
            }
        }
        fingerprint(objects(document.get("cases")).get(0), texts);
    }

    private static void fingerprint(Map<String, Object> first, Map<String, Object> texts) throws IOException {
        Map<String, byte[]> files = new HashMap<>();
        object(objects(first.get("steps")).get(0).get("files")).forEach((name, key) ->
            files.put(name, ((String) texts.get(key)).getBytes(StandardCharsets.UTF_8)));
        String right = Sha256.of(files.get("1.root.json"));
        String other = Sha256.of(files.get("timestamp.json"));
        same(verdict(first, new Device(null, right, files, new HashMap<>())), "1.0.0", "the root's fingerprint");
        same(verdict(first, new Device(null, other, files, new HashMap<>())), "refused", "another fingerprint");
    }

    private static String verdict(Map<String, Object> of, Device device) throws IOException {
        try {
            Date now = Date.from(Instant.parse((String) of.get("now")));
            TrustedTarget found = TrustedTarget.find((String) of.get("pack"), now, device, SignatureVerifier.ofPlatform());
            return found == null ? "absent" : found.version;
        } catch (EdgeIdentifyException error) {
            if (error.code() == EdgeIdentifyException.Code.SETUP) {
                throw error;
            }
            return "refused";
        }
    }

    private static final class Device implements TrustedTarget.Device {
        private final byte[] root;
        private final String fingerprint;
        private final Map<String, byte[]> files;
        private final Map<String, byte[]> stored;

        Device(byte[] root, String fingerprint, Map<String, byte[]> files, Map<String, byte[]> stored) {
            this.root = root;
            this.fingerprint = fingerprint;
            this.files = files;
            this.stored = stored;
        }

        @Override
        public byte[] pinnedRoot() {
            return root;
        }

        @Override
        public String pinnedFingerprint() {
            return fingerprint;
        }

        @Override
        public byte[] fetch(String path, int maxBytes) {
            return files.get(path.replaceFirst("^tuf/", ""));
        }

        @Override
        public byte[] stored(String key) {
            return stored.get(key);
        }

        @Override
        public void keep(String key, byte[] data) {
            stored.put(key, data);
        }
    }
}
