package edgeidentify;

import java.io.IOException;
import java.util.Collection;

/** A pack whose manifest is valid. Each file's length and hash are checked before it is used. */
public final class Pack {
    public final Manifest manifest;
    /** The encoder variants that are here. */
    public final Collection<String> variantNames;
    private final Storage storage;

    private Pack(Storage storage, Manifest manifest, Collection<String> variantNames) {
        this.storage = storage;
        this.manifest = manifest;
        this.variantNames = variantNames;
    }

    /** Reads a pack that has the files of {@link Manifest#variantsToKeep}. */
    public static Pack read(Storage storage) {
        Manifest manifest = Manifest.parse(bytes(storage, Manifest.FILE_NAME));
        return new Pack(storage, manifest, manifest.variantsToKeep());
    }

    /** Reads a pack of which only some variants are here. */
    public static Pack read(Storage storage, Collection<String> variantNames) {
        return new Pack(storage, Manifest.parse(bytes(storage, Manifest.FILE_NAME)), variantNames);
    }

    /** Returns the bytes of a file, after its length and hash were checked. */
    public byte[] file(String path) {
        Manifest.FileEntry entry = manifest.files.get(path);
        if (entry == null) {
            throw EdgeIdentifyException.damaged(path, "is not among the pack's files");
        }
        byte[] data = bytes(storage, path);
        if (data.length != entry.lengthBytes) {
            throw EdgeIdentifyException.damaged(path, "expected " + entry.lengthBytes + " bytes, found " + data.length);
        }
        if (!Sha256.of(data).equals(entry.sha256)) {
            throw EdgeIdentifyException.damaged(path, "its content has changed (SHA-256)");
        }
        return data;
    }

    private static byte[] bytes(Storage storage, String path) {
        try {
            return storage.read(path);
        } catch (IOException error) {
            String message = path + ": cannot be read (" + error.getMessage() + "); fetch the pack again";
            throw new EdgeIdentifyException(EdgeIdentifyException.Code.PACK_DAMAGED, message, error);
        }
    }
}
