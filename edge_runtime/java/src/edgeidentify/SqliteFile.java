package edgeidentify;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Reads plain tables of a SQLite file: its b-tree pages, without SQL (https://www.sqlite.org/fileformat2.html).
 *
 * <p>Every offset is checked: the content may be hostile even if its hash is right.
 */
public final class SqliteFile {
    private static final Pattern PERMITTED = Pattern.compile("\\s*CREATE\\s+(TABLE|INDEX|UNIQUE\\s+INDEX)\\s.*",
        Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

    private final byte[] data;
    private final ByteBuffer view;
    private final String where;
    private final int maxRowBytes;
    private final int pageBytes;
    private final int usableBytes;
    private final int pageCount;
    private final Map<String, Map<String, Object[]>> known = new LinkedHashMap<>();

    /** Reads all rows of all tables of a file whose hash was checked. */
    public SqliteFile(byte[] data, int maxRowBytes, String where) {
        this.data = data;
        this.view = ByteBuffer.wrap(data);
        this.where = where;
        this.maxRowBytes = maxRowBytes;
        if (data.length < 100 || !new String(data, 0, 16, StandardCharsets.ISO_8859_1).equals("SQLite format 3\0")) {
            throw damaged("does not begin like a SQLite file");
        }
        int bytes = view.getShort(16) & 0xffff;
        pageBytes = bytes == 1 ? 65536 : bytes;
        usableBytes = pageBytes - (data[20] & 255);
        if (pageBytes < 512 || (pageBytes & (pageBytes - 1)) != 0 || usableBytes < 480 || view.getInt(56) > 1) {
            throw damaged("has pages or texts of another kind");
        }
        pageCount = data.length / pageBytes;
        for (Object[] entry : rows(1)) {
            if (entry.length < 5 || !(entry[4] == null || PERMITTED.matcher(String.valueOf(entry[4])).matches())) {
                throw damaged("holds something that is neither a table nor an index");
            }
            if ("table".equals(entry[0])) {
                table(String.valueOf(entry[1]), String.valueOf(entry[4]), entry[3]);
            }
        }
    }

    /** Returns the rows of a table by their first column, as text; each maps the columns to their values in order. */
    public Map<String, Object[]> table(String name) {
        Map<String, Object[]> found = known.get(name);
        if (found == null) {
            throw damaged("has no table " + name);
        }
        return found;
    }

    private void table(String name, String sql, Object root) {
        String plain = sql.replaceAll("--[^\n]*", " ");
        int close = plain.lastIndexOf(')');
        if (!(root instanceof Long) || plain.indexOf('(') < 0 || close < plain.indexOf('(')) {
            throw damaged("has a malformed table");
        }
        boolean hasRowIds = !plain.substring(close).toUpperCase().contains("WITHOUT");
        Map<String, Object[]> byKey = new LinkedHashMap<>();
        for (Object[] row : rows(((Long) root).intValue())) {
            Object[] values = Arrays.copyOf(row, row.length - 1);
            // An INTEGER PRIMARY KEY is stored as null: the row id stands for it.
            if (hasRowIds && values.length > 0 && values[0] == null) {
                values[0] = row[row.length - 1];
            }
            byKey.put(values.length == 0 ? "" : String.valueOf(values[0]), values);
        }
        known.put(name, byKey);
    }

    /** Returns all rows of a b-tree; the row id is the last value of each. */
    private List<Object[]> rows(int root) {
        List<Object[]> found = new ArrayList<>();
        walk(root, found, new int[] {0}, 0);
        return found;
    }

    private void walk(int number, List<Object[]> found, int[] visited, int depth) {
        if (number < 1 || number > pageCount || ++visited[0] > pageCount || depth > 24) {
            throw damaged("has a page that is missing, or pages in a loop");
        }
        int start = (number - 1) * pageBytes;
        int header = start + (number == 1 ? 100 : 0);
        int kind = data[header];
        boolean isIndex = kind == 2 || kind == 10;
        boolean isLeaf = kind == 10 || kind == 13;
        int cells = view.getShort(header + 3) & 0xffff;
        int pointers = header + (isLeaf ? 8 : 12);
        if (!isIndex && kind != 5 && kind != 13 || pointers + 2 * cells > start + usableBytes) {
            throw damaged("has a page of another kind");
        }
        for (int cell = 0; cell < cells; cell++) {
            int at = view.getShort(pointers + 2 * cell) & 0xffff;
            if (at + 4 > usableBytes) {
                throw damaged("has a cell outside its page");
            }
            if (!isLeaf) {
                walk(view.getInt(start + at), found, visited, depth + 1);
            }
            if (isLeaf || isIndex) {
                found.add(row(start + at + (isLeaf ? 0 : 4), start + usableBytes, isIndex));
            }
        }
        if (!isLeaf) {
            walk(view.getInt(header + 8), found, visited, depth + 1);
        }
    }

    private Object[] row(int start, int pageEnd, boolean isIndex) {
        long[] place = {start};
        long length = varint(data, place);
        long rowId = isIndex ? 0 : varint(data, place);
        if (length < 0 || length > maxRowBytes) {
            throw damaged("has a row of " + length + " bytes");
        }
        byte[] record = payload((int) place[0], (int) length, pageEnd, isIndex);
        long[] header = {0};
        long headerBytes = varint(record, header);
        long at = headerBytes;
        List<Object> values = new ArrayList<>();
        while (header[0] < headerBytes) {
            long type = varint(record, header);
            long bytes = type >= 12 ? (type - 12) / 2 : new int[] {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, -1, -1}[(int) type & 15];
            if (type < 0 || bytes < 0 || at + bytes > record.length) {
                throw damaged("has a row that ends within a value");
            }
            values.add(value(record, (int) at, (int) bytes, type));
            at += bytes;
        }
        values.add(rowId);
        return values.toArray();
    }

    private Object value(byte[] record, int at, int length, long type) {
        if (type == 0) {
            return null;
        }
        if (type == 7) {
            return ByteBuffer.wrap(record).getDouble(at);
        }
        if (type < 12) {
            long whole = type >= 8 ? type - 8 : record[at];
            for (int next = 1; next < length; next++) {
                whole = whole << 8 | record[at + next] & 255;
            }
            return whole;
        }
        if (type % 2 == 0) {
            return Arrays.copyOfRange(record, at, at + length);
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(record, at, length)).toString();
        } catch (CharacterCodingException error) {
            throw damaged("has a text that is not UTF-8");
        }
    }

    /** Returns a record, joined from its overflow pages. */
    private byte[] payload(int at, int length, int pageEnd, boolean isIndex) {
        int most = isIndex ? (usableBytes - 12) * 64 / 255 - 23 : usableBytes - 35;
        int least = (usableBytes - 12) * 32 / 255 - 23;
        int surplus = least + Math.floorMod(length - least, usableBytes - 4);
        int here = length <= most ? length : surplus <= most ? surplus : least;
        if (at + here + (here < length ? 4 : 0) > pageEnd) {
            throw damaged("has a row outside its page");
        }
        byte[] record = Arrays.copyOf(Arrays.copyOfRange(data, at, at + here), length);
        int next = here < length ? view.getInt(at + here) : 0;
        for (int filled = here; filled < length; filled += usableBytes - 4) {
            if (next < 1 || next > pageCount) {
                throw damaged("has no page " + next);
            }
            int start = (next - 1) * pageBytes;
            System.arraycopy(data, start + 4, record, filled, Math.min(usableBytes - 4, length - filled));
            next = view.getInt(start);
        }
        return record;
    }

    private long varint(byte[] bytes, long[] place) {
        long value = 0;
        for (int count = 0; count < 9 && place[0] < bytes.length; count++) {
            int next = bytes[(int) place[0]++];
            if (count == 8) {
                return value << 8 | next & 255;
            }
            value = value << 7 | next & 127;
            if (next >= 0) {
                return value;
            }
        }
        throw damaged("ends within a number");
    }

    private PackException damaged(String found) {
        return PackException.damaged(where, found);
    }
}
