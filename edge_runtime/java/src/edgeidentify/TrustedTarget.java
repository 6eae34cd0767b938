package edgeidentify;

import java.io.IOException;
import java.text.SimpleDateFormat;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import java.util.regex.Pattern;

/** Which version of a pack its publisher wants now: the client profile of TUF. PROTOCOL.md has the steps. */
public final class TrustedTarget {
    private static final int MAX_ROOT_BYTES = 512_000;
    private static final int MAX_TIMESTAMP_BYTES = 16_384;
    private static final int MAX_SNAPSHOT_BYTES = 2_000_000;
    private static final int MAX_TARGETS_BYTES = 5_000_000;
    private static final int MOST_ROOTS = 256;
    private static final List<String> RESERVED = Arrays.asList("root", "targets", "snapshot", "timestamp", "online");

    /** What a device has and can do. */
    public interface Device {
        /** Returns the publisher's root as it came with the app; null if the app has its fingerprint alone. */
        byte[] pinnedRoot();

        /** Returns the SHA-256 of the publisher's root; null if the app has the root itself. */
        default String pinnedFingerprint() {
            return null;
        }

        /** Returns a file of the server; null for status 404 or 403. It stops at {@code maxBytes}, or returns more. */
        byte[] fetch(String path, int maxBytes) throws IOException;

        /** Returns what was kept under a key; null if nothing was. */
        byte[] stored(String key);

        /** Keeps a verified file under a key: for this server alone, and until the next time. */
        void keep(String key, byte[] data);
    }

    public final String version;
    /** Of the manifest. */
    public final long lengthBytes;
    /** Of the manifest. */
    public final String sha256;

    private TrustedTarget(String version, long lengthBytes, String sha256) {
        this.version = version;
        this.lengthBytes = lengthBytes;
        this.sha256 = sha256;
    }

    /**
     * Verifies a server's metadata and returns the target of a pack.
     *
     * @param now the time of the checks: the device's clock
     * @return null: the publisher has no such pack, or has withdrawn it
     * @throws EdgeIdentifyException {@code UNTRUSTED}: a signature, a version, an expiry or a file is not as it should be
     */
    public static TrustedTarget find(String packName, Date now, Device device, SignatureVerifier verifier) throws IOException {
        SimpleDateFormat utc = new SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT);
        utc.setTimeZone(TimeZone.getTimeZone("UTC"));
        return new Verification(utc.format(now), device, verifier).target(PackNames.checkedPackName(packName) + "/pack.json");
    }

    private static final class Verification {
        private final String now;
        private final Device device;
        private final SignatureVerifier verifier;

        Verification(String now, Device device, SignatureVerifier verifier) {
            this.now = now;
            this.device = device;
            this.verifier = verifier;
        }

        TrustedTarget target(String path) throws IOException {
            MetadataFile root = root();
            MetadataFile timestamp = timestamp(rootRole(root, "timestamp"));
            MetadataFile snapshot = named("snapshot", "snapshot", timestamp, rootRole(root, "snapshot"), "snapshot");
            MetadataFile targets = named("targets", "targets", snapshot, rootRole(root, "targets"), "targets");
            TrustedTarget own = targetIn(targets, path);
            return own == null ? delegated(targets, snapshot, path) : own;
        }

        private MetadataFile root() throws IOException {
            byte[] stored = device.stored("root");
            MetadataFile root = new MetadataFile(stored == null ? pinnedRoot() : stored, "root", "root.json");
            check(root, rootRole(root, "root"));
            for (int count = 0; count < MOST_ROOTS; count++) {
                String path = root.version + 1 + ".root.json";
                byte[] data = fetched(path, MAX_ROOT_BYTES);
                if (data == null) {
                    break;
                }
                MetadataFile next = new MetadataFile(data, "root", path);
                check(next, rootRole(root, "root"));
                check(next, rootRole(next, "root"));
                if (next.version != root.version + 1) {
                    throw EdgeIdentifyException.untrusted(path + ": has the version " + next.version);
                }
                root = next;
                device.keep("root", data);
            }
            checkExpiry(root);
            return root;
        }

        private byte[] pinnedRoot() throws IOException {
            byte[] pinned = device.pinnedRoot();
            if (pinned != null) {
                return pinned;
            }
            String fingerprint = PackNames.checkedSha256(String.valueOf(device.pinnedFingerprint()));
            for (int version = 1; version <= MOST_ROOTS; version++) {
                byte[] data = fetched(version + ".root.json", MAX_ROOT_BYTES);
                if (data == null) {
                    break;
                }
                if (Sha256.of(data).equals(fingerprint)) {
                    return data;
                }
            }
            throw EdgeIdentifyException.untrusted("no root of the server has the fingerprint " + fingerprint.substring(0, 12) + "...");
        }

        private MetadataFile timestamp(MetadataFile.Role role) throws IOException {
            MetadataFile stored = stored("timestamp", "timestamp", role);
            MetadataFile found = new MetadataFile(needed("timestamp.json", MAX_TIMESTAMP_BYTES), "timestamp", "timestamp.json");
            check(found, role);
            if (stored != null) {
                checkNotLower(found.version, stored.version, found.where);
                checkNotLower(versionOf(found, "snapshot"), versionOf(stored, "snapshot"), "snapshot.json");
            }
            MetadataFile newest = stored != null && stored.version == found.version ? stored : found;
            checkExpiry(newest);
            device.keep("timestamp", newest.data);
            return newest;
        }

        /** Returns a file of which another one names version, and perhaps length and hash. */
        private MetadataFile named(String file, String type, MetadataFile naming, MetadataFile.Role role, String key) throws IOException {
            long version = versionOf(naming, file);
            MetadataFile stored = stored(key, type, role);
            boolean isHere = stored != null && stored.version == version;
            MetadataFile found = isHere ? stored : newer(version + "." + file + ".json", type, version, entryOf(naming, file), role);
            if (type.equals("snapshot") && stored != null) {
                checkNoneLost(found, stored);
            }
            checkExpiry(found);
            device.keep(key, found.data);
            return found;
        }

        private MetadataFile newer(String path, String type, long version, Map<String, Object> entry, MetadataFile.Role role)
            throws IOException {
            byte[] data = needed(path, type.equals("snapshot") ? MAX_SNAPSHOT_BYTES : MAX_TARGETS_BYTES);
            Object length = entry.get("length");
            Map<String, Object> hashes = MetadataFile.object(entry.get("hashes"));
            Object hash = hashes == null ? null : hashes.get("sha256");
            boolean isOther = length != null && !length.equals((long) data.length) || hash != null && !hash.equals(Sha256.of(data));
            if (isOther) {
                throw EdgeIdentifyException.untrusted(path + ": is not the file that the metadata names");
            }
            MetadataFile found = new MetadataFile(data, type, path);
            check(found, role);
            if (found.version != version) {
                throw EdgeIdentifyException.untrusted(path + ": has the version " + found.version);
            }
            return found;
        }

        /** Returns what the first maker says to whom the path is delegated; null if there is none. */
        private TrustedTarget delegated(MetadataFile targets, MetadataFile snapshot, String path) throws IOException {
            Map<String, Object> delegations = MetadataFile.object(targets.signed.get("delegations"));
            Object roles = delegations == null ? null : delegations.get("roles");
            for (Object each : roles instanceof List ? (List<?>) roles : Arrays.asList()) {
                Map<String, Object> maker = MetadataFile.object(each);
                if (maker != null && isFor(maker.get("paths"), path)) {
                    String name = PackNames.checkedPackName(String.valueOf(maker.get("name"))); // the same pattern
                    if (RESERVED.contains(name)) {
                        throw EdgeIdentifyException.untrusted("targets.json: " + name + " is no maker");
                    }
                    MetadataFile.Role role = new MetadataFile.Role(maker, delegations.get("keys"), "targets.json: " + name);
                    return targetIn(named(name, "targets", snapshot, role, "maker-" + name), path);
                }
            }
            return null;
        }

        /** Returns what was kept, if the role of today has still signed it. */
        private MetadataFile stored(String key, String type, MetadataFile.Role role) {
            byte[] data = device.stored(key);
            MetadataFile found = data == null ? null : new MetadataFile(data, type, key + " of before");
            return found != null && found.isSignedBy(role, verifier) ? found : null;
        }

        private byte[] fetched(String path, int maxBytes) throws IOException {
            byte[] data = device.fetch("tuf/" + path, maxBytes);
            if (data != null && data.length > maxBytes) {
                throw EdgeIdentifyException.untrusted(path + ": is longer than " + maxBytes + " bytes");
            }
            return data;
        }

        private byte[] needed(String path, int maxBytes) throws IOException {
            byte[] data = fetched(path, maxBytes);
            if (data == null) {
                throw EdgeIdentifyException.untrusted(path + ": is missing on the server");
            }
            return data;
        }

        private void check(MetadataFile file, MetadataFile.Role role) {
            if (!file.isSignedBy(role, verifier)) {
                throw EdgeIdentifyException.untrusted(file.where + ": is not signed by its role");
            }
        }

        private void checkExpiry(MetadataFile file) {
            if (file.expires.compareTo(now) <= 0) {
                throw EdgeIdentifyException.untrusted(file.where + ": expired on " + file.expires);
            }
        }
    }

    private static MetadataFile.Role rootRole(MetadataFile root, String name) {
        Map<String, Object> roles = MetadataFile.object(root.signed.get("roles"));
        return new MetadataFile.Role(roles == null ? null : roles.get(name), root.signed.get("keys"), root.where + ": " + name);
    }

    private static Map<String, Object> entryOf(MetadataFile naming, String file) {
        Map<String, Object> meta = MetadataFile.object(naming.signed.get("meta"));
        Map<String, Object> found = meta == null ? null : MetadataFile.object(meta.get(file + ".json"));
        if (found == null) {
            throw EdgeIdentifyException.untrusted(naming.where + ": does not name " + file + ".json");
        }
        return found;
    }

    private static long versionOf(MetadataFile naming, String file) {
        return MetadataFile.checkedVersion(entryOf(naming, file).get("version"), naming.where);
    }

    private static void checkNoneLost(MetadataFile found, MetadataFile stored) {
        Map<String, Object> before = MetadataFile.object(stored.signed.get("meta"));
        if (before != null) {
            for (String file : before.keySet()) {
                String name = file.replaceAll("\\.json$", "");
                checkNotLower(versionOf(found, name), versionOf(stored, name), file);
            }
        }
    }

    private static void checkNotLower(long found, long before, String where) {
        if (found < before) {
            throw EdgeIdentifyException.untrusted(where + ": has the version " + found + ", but " + before + " was seen before");
        }
    }

    private static TrustedTarget targetIn(MetadataFile targets, String path) {
        Map<String, Object> all = MetadataFile.object(targets.signed.get("targets"));
        if (all == null || !all.containsKey(path)) {
            return null;
        }
        Map<String, Object> found = MetadataFile.object(all.get(path));
        Map<String, Object> hashes = found == null ? null : MetadataFile.object(found.get("hashes"));
        Map<String, Object> custom = found == null ? null : MetadataFile.object(found.get("custom"));
        if (hashes == null || custom == null || !(hashes.get("sha256") instanceof String) || !(found.get("length") instanceof Long)) {
            throw EdgeIdentifyException.untrusted(targets.where + ": " + path + " has no version, length or hash");
        }
        String sha256 = PackNames.checkedSha256((String) hashes.get("sha256"));
        return new TrustedTarget(PackNames.checkedVersion(String.valueOf(custom.get("version"))), (Long) found.get("length"), sha256);
    }

    /** Returns whether one of the patterns fits: {@code *} stands for any characters but a slash. */
    private static boolean isFor(Object patterns, String path) {
        boolean isFound = false;
        for (Object each : patterns instanceof List ? (List<?>) patterns : Arrays.asList()) {
            StringBuilder regex = new StringBuilder();
            for (String piece : String.valueOf(each).split("\\*", -1)) {
                regex.append(regex.length() == 0 ? "" : "[^/]*").append(Pattern.quote(piece));
            }
            isFound |= Pattern.compile(regex.toString(), Pattern.DOTALL).matcher(path).matches();
        }
        return isFound;
    }
}
