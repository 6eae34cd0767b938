package edgeidentify;

import java.io.DataInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;

/** A pack in a folder. */
public final class FolderStorage implements Storage {
    private final File folder;

    public FolderStorage(File folder) {
        this.folder = folder;
    }

    @Override
    public byte[] read(String path) throws IOException {
        File file = new File(folder, path);
        if (file.length() > Integer.MAX_VALUE - 64) {
            throw new IOException(file + " has " + file.length() + " bytes, more than an array can hold");
        }
        byte[] data = new byte[(int) file.length()];
        try (DataInputStream stream = new DataInputStream(new FileInputStream(file))) {
            stream.readFully(data);
        }
        return data;
    }
}
