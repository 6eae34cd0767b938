package edgeidentify;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The listing of a server, {@code packs.json}, and the layout of the published tree. */
public final class Listing {
    public static final String FILE_NAME = "packs.json";
    public static final int MAX_BYTES = 8 << 20;
    private static final int FORMAT = 1;
    private static final long MAX_SIZE_BYTES = 1L << 50;

    /** A version that a server offers. */
    public static final class Version {
        public final String version;
        /** Its path in the tree, length and hash. */
        public final Manifest.FileEntry manifest;
        /** Of all files, with all variants; a device fetches less. */
        public final long sizeBytes;
        /** As the listing has it. */
        public final String publishedUtc;

        private Version(JsonObject fields) {
            version = PackNames.checkedVersion(fields.text("version"));
            JsonObject of = fields.object("manifest");
            manifest = new Manifest.FileEntry(PackNames.checkedPath(of.text("path")),
                of.whole("length_bytes", 1, Manifest.MAX_BYTES), PackNames.checkedSha256(of.text("sha256")));
            sizeBytes = fields.whole("size_bytes", 0, MAX_SIZE_BYTES);
            publishedUtc = fields.text("published_utc");
        }
    }

    /** A pack that a server offers. */
    public static final class OfferedPack {
        public final String name;
        public final String title;
        /** Newest first. */
        public final List<Version> versions;

        private OfferedPack(JsonObject fields) {
            name = PackNames.checkedPackName(fields.text("name"));
            title = fields.text("title");
            versions = new ArrayList<>();
            Set<String> known = new HashSet<>();
            for (JsonObject each : fields.objects("versions")) {
                versions.add(new Version(each));
                if (!known.add(versions.get(versions.size() - 1).version)) {
                    throw EdgeIdentifyException.format(fields.where + ": lists a version twice");
                }
            }
            versions.sort((one, other) -> PackNames.compareVersions(other.version, one.version));
            String newest = PackNames.checkedVersion(fields.text("newest"));
            if (versions.isEmpty() || !versions.get(0).version.equals(newest)) {
                throw EdgeIdentifyException.format(fields.where + ": `newest` is " + newest + ", which is not the newest listed version");
            }
        }
    }

    private Listing() {
    }

    /** Returns the packs of a listing, sorted by name. */
    public static List<OfferedPack> parse(byte[] data) {
        JsonObject fields = JsonObject.parse(data, MAX_BYTES, FILE_NAME);
        long format = fields.whole("format", 1, Long.MAX_VALUE);
        if (format > FORMAT) {
            throw EdgeIdentifyException.newerFormat(FILE_NAME, format, FORMAT);
        }
        List<OfferedPack> packs = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (JsonObject each : fields.objects("packs")) {
            packs.add(new OfferedPack(each));
            if (!names.add(packs.get(packs.size() - 1).name)) {
                throw EdgeIdentifyException.format(FILE_NAME + ": lists a pack twice");
            }
        }
        packs.sort(Comparator.comparing(each -> each.name));
        return packs;
    }

    /** Returns where a server has the manifest of a version. */
    public static String manifestPath(String name, String version) {
        return "manifests/" + name + "/" + version + ".json";
    }

    /** Returns where a server has a file. */
    public static String blobPath(String sha256) {
        return "blobs/sha256/" + sha256.substring(0, 2) + "/" + sha256;
    }
}
