package edgeidentify;

/** The thumbnails of a pack: small WebP images of its references, in a SQLite file. */
public final class ThumbnailTable {
    private static final int MAX_THUMBNAIL_BYTES = 1 << 22;
    private final SqliteFile file;
    private final String where;

    /** Reads a file whose hash was checked. The array is kept. */
    public ThumbnailTable(byte[] data, String where) {
        this.where = where;
        file = new SqliteFile(data, MAX_THUMBNAIL_BYTES + 1024, where);
    }

    /** Returns the thumbnail of the image with this index id, as WebP; null if there is none. */
    public byte[] webp(long indexId) {
        Object[] row = file.row("thumbnail", indexId, "webp");
        if (row == null) {
            return null;
        }
        if (!(row[0] instanceof byte[]) || !isWebp((byte[]) row[0])) {
            throw EdgeIdentifyException.damaged(where, "the thumbnail of image " + indexId + " is no WebP file");
        }
        return (byte[]) row[0];
    }

    private static boolean isWebp(byte[] data) {
        byte[] magic = {'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'E', 'B', 'P'};
        boolean isAlike = data.length > magic.length;
        for (int at = 0; isAlike && at < magic.length; at++) {
            isAlike = at >= 4 && at < 8 || data[at] == magic[at];
        }
        return isAlike;
    }
}
