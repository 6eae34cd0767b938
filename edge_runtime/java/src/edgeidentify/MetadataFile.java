package edgeidentify;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** One file of TUF's metadata: reading it, and counting its signatures. PROTOCOL.md has the rules. */
final class MetadataFile {
    private static final Pattern TIME = Pattern.compile("\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z");

    final Map<String, Object> signed;
    final long version;
    /** UTC, such as 2026-01-31T00:00:00Z: such texts sort as their times. */
    final String expires;
    final byte[] data;
    final String where;
    private final Map<String, String> signatures = new HashMap<>();

    /** Who may sign, and how many of them must. */
    static final class Role {
        final Set<String> keyIds = new LinkedHashSet<>();
        final long threshold;
        final Map<String, Object> keys;

        Role(Object role, Object keys, String where) {
            Map<String, Object> fields = object(role);
            Object threshold = fields == null ? null : fields.get("threshold");
            boolean isRole = fields != null && fields.get("keyids") instanceof List && threshold instanceof Long;
            if (!isRole || object(keys) == null || (Long) threshold < 1) {
                throw EdgeIdentifyException.untrusted(where + ": has no valid role");
            }
            ((List<?>) fields.get("keyids")).forEach(id -> keyIds.add(String.valueOf(id)));
            this.threshold = (Long) threshold;
            this.keys = object(keys);
        }
    }

    /** Reads a file of a type: {@code root}, {@code timestamp}, {@code snapshot} or {@code targets}. */
    MetadataFile(byte[] data, String type, String where) {
        this.data = data;
        this.where = where;
        Map<String, Object> fields;
        try {
            fields = object(Json.parse(data, where));
        } catch (EdgeIdentifyException error) {
            throw EdgeIdentifyException.untrusted(error.getMessage());
        }
        signed = fields == null ? null : object(fields.get("signed"));
        if (signed == null || !(fields.get("signatures") instanceof List)) {
            throw EdgeIdentifyException.untrusted(where + ": is no signed metadata");
        }
        if (!type.equals(signed.get("_type"))) {
            throw EdgeIdentifyException.untrusted(where + ": is of the type " + signed.get("_type") + ", not " + type);
        }
        if (!String.valueOf(signed.get("spec_version")).startsWith("1.")) {
            throw EdgeIdentifyException.untrusted(where + ": follows another specification than TUF 1");
        }
        expires = String.valueOf(signed.get("expires"));
        if (!TIME.matcher(expires).matches()) {
            throw EdgeIdentifyException.untrusted(where + ": names no expiry");
        }
        version = checkedVersion(signed.get("version"), where);
        for (Object each : (List<?>) fields.get("signatures")) {
            Map<String, Object> entry = object(each);
            boolean isWhole = entry != null && entry.get("keyid") instanceof String && entry.get("sig") instanceof String;
            if (!isWhole || signatures.put((String) entry.get("keyid"), (String) entry.get("sig")) != null) {
                throw EdgeIdentifyException.untrusted(where + ": has a malformed signature, or two of one key");
            }
        }
    }

    /** Returns whether enough different keys of the role have signed the file. Keys of other kinds count for nothing. */
    boolean isSignedBy(Role role, SignatureVerifier verifier) {
        byte[] content = canonicalJson(signed).getBytes(StandardCharsets.UTF_8);
        long count = 0;
        for (String id : role.keyIds) {
            byte[] key = keyOf(role.keys.get(id));
            byte[] signature = bytesOf(signatures.get(id), 64);
            count += key != null && signature != null && verifier.isValid(key, signature, content) ? 1 : 0;
        }
        return count >= role.threshold;
    }

    static long checkedVersion(Object value, String where) {
        if (!(value instanceof Long) || (Long) value < 1) {
            throw EdgeIdentifyException.untrusted(where + ": names the version " + value);
        }
        return (Long) value;
    }

    /** Returns a value as an object; null if it is none. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Object value) {
        return value instanceof Map ? (Map<String, Object>) value : null;
    }

    private static byte[] keyOf(Object value) {
        Map<String, Object> key = object(value);
        boolean isKnown = key != null && "ed25519".equals(key.get("keytype")) && "ed25519".equals(key.get("scheme"));
        Map<String, Object> point = isKnown ? object(key.get("keyval")) : null;
        return point == null ? null : bytesOf(point.get("public"), 32);
    }

    /** Returns the bytes of lower-case hexadecimal digits; null if they are others. */
    private static byte[] bytesOf(Object text, int length) {
        if (!(text instanceof String) || !((String) text).matches("[0-9a-f]{" + 2 * length + "}")) {
            return null;
        }
        byte[] found = new byte[length];
        for (int at = 0; at < length; at++) {
            found[at] = (byte) Integer.parseInt(((String) text).substring(2 * at, 2 * at + 2), 16);
        }
        return found;
    }

    private static String canonicalJson(Object value) {
        if (value instanceof String) {
            return "\"" + ((String) value).replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
        }
        if (value instanceof List) {
            List<String> parts = new ArrayList<>();
            ((List<?>) value).forEach(each -> parts.add(canonicalJson(each)));
            return "[" + String.join(",", parts) + "]";
        }
        if (value instanceof Double) {
            throw EdgeIdentifyException.untrusted("the metadata has a number that is no integer, or too large");
        }
        Map<String, Object> fields = object(value);
        if (fields == null) {
            return String.valueOf(value);
        }
        List<String> keys = new ArrayList<>(fields.keySet());
        Collections.sort(keys, CodePoints.ORDER);
        List<String> parts = new ArrayList<>();
        keys.forEach(key -> parts.add(canonicalJson(key) + ":" + canonicalJson(fields.get(key))));
        return "{" + String.join(",", parts) + "}";
    }
}
