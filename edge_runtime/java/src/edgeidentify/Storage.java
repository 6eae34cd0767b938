package edgeidentify;

import java.io.IOException;

/** The files of a pack, by their path in the manifest, and {@code pack.json}. */
public interface Storage {
    /** Returns the bytes of a file. */
    byte[] read(String path) throws IOException;
}
