package edgeidentify;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads plain tables of a SQLite file: its b-tree pages, without SQL (https://www.sqlite.org/fileformat2.html).
 *
 * <p>Every offset is checked: the content may be hostile even if its hash is right.
 */
final class SqliteFile {
    private static final int HEADER_BYTES = 100;
    private static final int MOST_ENTRIES = 100; // of a schema; a pack's files have four
    private static final int MOST_DEPTH = 24; // of a b-tree; that of a million rows has four levels
    private static final int[] LENGTHS = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    private static final Pattern PERMITTED = Pattern.compile("\\s*CREATE\\s+(TABLE|INDEX|UNIQUE\\s+INDEX)\\s.*",
        Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    private static final Pattern CONSTRAINT =
        Pattern.compile("(CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN)\\b.*", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    private static final Pattern COLUMN = Pattern.compile("[\"'`\\[]?([^\\s\"'`\\]]+)");
    private static final Pattern KEY = Pattern.compile("PRIMARY\\s+KEY", Pattern.CASE_INSENSITIVE);
    private static final Pattern ROW_ID =
        Pattern.compile("\\S+\\s+INTEGER\\s+PRIMARY\\s+KEY", Pattern.CASE_INSENSITIVE);
    private static final Pattern WITHOUT = Pattern.compile("WITHOUT\\s+ROWID", Pattern.CASE_INSENSITIVE);

    private final byte[] data;
    private final ByteBuffer view;
    private final String where;
    private final int maxRowBytes;
    private final int pageBytes;
    private final int usableBytes;
    private final int pageCount;
    private final Map<String, Table> tables = new LinkedHashMap<>();

    /** What a CREATE TABLE statement says. A table without row ids stores its key first. */
    private static final class Table {
        final int root;
        final boolean isWithoutRowId;
        final List<String> columns = new ArrayList<>();
        final List<String> stored = new ArrayList<>();
        String rowId;

        Table(int root, boolean isWithoutRowId) {
            this.root = root;
            this.isWithoutRowId = isWithoutRowId;
        }
    }

    private static final class Page {
        int start;
        int header;
        int cells;
        boolean isLeaf;
        boolean isIndex;
    }

    /** Reads the schema of a file whose hash was checked. The array is kept. */
    SqliteFile(byte[] data, int maxRowBytes, String where) {
        this.data = data;
        this.view = ByteBuffer.wrap(data);
        this.where = where;
        this.maxRowBytes = maxRowBytes;
        boolean isShort = data.length < HEADER_BYTES;
        if (isShort || !new String(data, 0, 16, StandardCharsets.ISO_8859_1).equals("SQLite format 3\0")) {
            throw damaged("does not begin like a SQLite file");
        }
        int bytes = view.getShort(16) & 0xffff;
        pageBytes = bytes == 1 ? 65536 : bytes;
        usableBytes = pageBytes - (data[20] & 255);
        boolean isPower = pageBytes >= 512 && (pageBytes & (pageBytes - 1)) == 0;
        if (!isPower || usableBytes < 480 || view.getInt(56) > 1) {
            throw damaged("has pages or texts of another kind");
        }
        pageCount = data.length / pageBytes;
        walk(1, false, new int[] {0}, 0, (record, rowId) -> addEntry(values(record, 5)));
    }

    boolean has(String name) {
        return tables.containsKey(name);
    }

    /** Returns the row with a row id, or, of a table without row ids, with a text as its first column; null if there is none. */
    Object[] row(String name, Object key, String... columns) {
        Table table = table(name);
        boolean isText = key instanceof String;
        byte[] record = isText ? byText(table, (String) key) : byRowId(table, (Long) key);
        return record == null ? null : picked(table, name, record, isText ? 0 : (Long) key, columns);
    }

    /** Passes every row of a table, in the order of its key. */
    void eachRow(String name, Consumer<Object[]> use, String... columns) {
        Table table = table(name);
        RowUse pick = (record, rowId) -> use.accept(picked(table, name, record, rowId, columns));
        walk(table.root, table.isWithoutRowId, new int[] {0}, 0, pick);
    }

    private interface RowUse {
        void accept(byte[] record, long rowId);
    }

    private void addEntry(Object[] entry) {
        boolean isTable = "table".equals(entry[0]);
        boolean isOwnIndex = "index".equals(entry[0]) && entry[4] == null; // of a primary key
        boolean isPermitted = isOwnIndex || entry[4] instanceof String && PERMITTED.matcher((String) entry[4]).matches();
        boolean isKnown = isTable || "index".equals(entry[0]);
        if (!isKnown || !isPermitted || !(entry[3] instanceof Long) || tables.size() > MOST_ENTRIES) {
            throw damaged("holds something that is neither a table nor an index");
        }
        if (isTable) {
            tables.put(String.valueOf(entry[1]), tableOf((String) entry[4], ((Long) entry[3]).intValue()));
        }
    }

    private Table tableOf(String sql, int root) {
        String plain = sql.replaceAll("--[^\n]*", " ").replaceAll("(?s)/\\*.*?\\*/", " ");
        int open = plain.indexOf('(');
        int close = plain.lastIndexOf(')');
        if (open < 0 || close < open) {
            throw damaged("has a malformed table");
        }
        Table table = new Table(root, WITHOUT.matcher(plain.substring(close)).find());
        for (String definition : definitions(plain.substring(open + 1, close))) {
            Matcher matcher = COLUMN.matcher(definition);
            String name = matcher.lookingAt() ? matcher.group(1) : "";
            boolean isKey = KEY.matcher(definition).find();
            table.columns.add(name);
            table.stored.add(table.isWithoutRowId && isKey ? 0 : table.stored.size(), name);
            if (!table.isWithoutRowId && ROW_ID.matcher(definition).lookingAt()) {
                table.rowId = name;
            }
        }
        return table;
    }

    /** Returns the definitions between the brackets, split at the commas that are in no brackets, without table constraints. */
    private static List<String> definitions(String inner) {
        List<String> parts = new ArrayList<>();
        int depth = 0;
        int start = 0;
        for (int at = 0; at <= inner.length(); at++) {
            char sign = at < inner.length() ? inner.charAt(at) : ',';
            depth += sign == '(' ? 1 : sign == ')' ? -1 : 0;
            if (at == inner.length() || sign == ',' && depth == 0) {
                String part = inner.substring(start, at).trim();
                start = at + 1;
                if (!part.isEmpty() && !CONSTRAINT.matcher(part).matches()) {
                    parts.add(part);
                }
            }
        }
        return parts;
    }

    private Table table(String name) {
        Table found = tables.get(name);
        if (found == null) {
            throw damaged("has no table " + name);
        }
        return found;
    }

    private Object[] picked(Table table, String name, byte[] record, long rowId, String... columns) {
        Object[] stored = values(record, table.stored.size());
        Object[] found = new Object[columns.length];
        for (int at = 0; at < columns.length; at++) {
            int place = table.stored.indexOf(columns[at]);
            if (place < 0) {
                throw damaged("its table " + name + " has no column " + columns[at]);
            }
            found[at] = columns[at].equals(table.rowId) ? (Object) rowId : stored[place];
        }
        return found;
    }

    private void walk(int number, boolean isIndex, int[] visited, int depth, RowUse use) {
        if (++visited[0] > pageCount || depth > MOST_DEPTH) {
            throw damaged("has pages in a loop");
        }
        Page page = page(number, isIndex);
        for (int cell = 0; cell < page.cells; cell++) {
            if (!page.isLeaf) {
                walk(child(page, cell), isIndex, visited, depth + 1, use);
            }
            if (page.isLeaf || isIndex) {
                use.accept(record(page, cell), isIndex ? 0 : rowId(page, cell));
            }
        }
        if (!page.isLeaf) {
            walk(child(page, page.cells), isIndex, visited, depth + 1, use);
        }
    }

    private byte[] byRowId(Table table, long rowId) {
        int number = table.root;
        for (int depth = 0; depth < MOST_DEPTH; depth++) {
            Page page = page(number, false);
            int low = 0;
            for (int high = page.cells; low < high;) {
                int middle = (low + high) >>> 1;
                if (rowId(page, middle) >= rowId) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            if (page.isLeaf) {
                return low < page.cells && rowId(page, low) == rowId ? record(page, low) : null;
            }
            number = child(page, low);
        }
        throw damaged("has pages that are nested too deeply");
    }

    private byte[] byText(Table table, String key) {
        byte[] wanted = key.getBytes(StandardCharsets.UTF_8);
        int number = table.root;
        for (int depth = 0; depth < MOST_DEPTH; depth++) {
            Page page = page(number, true);
            int low = 0;
            for (int high = page.cells; low < high;) {
                int middle = (low + high) >>> 1;
                if (compareKey(record(page, middle), wanted) >= 0) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            byte[] found = low < page.cells ? record(page, low) : null;
            if (found != null && compareKey(found, wanted) == 0) {
                return found;
            }
            if (page.isLeaf) {
                return null;
            }
            number = child(page, low);
        }
        throw damaged("has pages that are nested too deeply");
    }

    /** Compares a record's first column with a text, by bytes. Other types come before texts, blobs after them. */
    private int compareKey(byte[] record, byte[] wanted) {
        int[] place = {0};
        long headerBytes = varint(record, place);
        long type = varint(record, place);
        if (type < 13 || type % 2 == 0) {
            return type >= 12 ? 1 : -1;
        }
        long length = (type - 13) / 2;
        if (headerBytes < 0 || headerBytes + length > record.length) {
            throw damaged("has a row that ends within a value");
        }
        for (int at = 0; at < Math.min(length, wanted.length); at++) {
            int difference = (record[(int) headerBytes + at] & 255) - (wanted[at] & 255);
            if (difference != 0) {
                return difference;
            }
        }
        return Long.compare(length, wanted.length);
    }

    private Page page(int number, boolean isIndex) {
        if (number < 1 || number > pageCount) {
            throw damaged("has no page " + number);
        }
        Page page = new Page();
        page.start = (number - 1) * pageBytes;
        page.header = page.start + (number == 1 ? HEADER_BYTES : 0);
        int kind = data[page.header];
        page.isIndex = isIndex;
        page.isLeaf = kind == (isIndex ? 10 : 13);
        if (!page.isLeaf && kind != (isIndex ? 2 : 5)) {
            throw damaged("has a page of another kind");
        }
        page.cells = view.getShort(page.header + 3) & 0xffff;
        if (pointersOf(page) + 2 * page.cells > page.start + usableBytes) {
            throw damaged("has a page of " + page.cells + " cells");
        }
        return page;
    }

    private static int pointersOf(Page page) {
        return page.header + (page.isLeaf ? 8 : 12);
    }

    private int cellAt(Page page, int cell) {
        int at = view.getShort(pointersOf(page) + 2 * cell) & 0xffff;
        if (at + 4 > usableBytes) {
            throw damaged("has a cell outside its page");
        }
        return page.start + at;
    }

    /** Returns the child page before a cell; that of the cell after the last is the last child. */
    private int child(Page page, int cell) {
        return view.getInt(cell == page.cells ? page.header + 8 : cellAt(page, cell));
    }

    private long rowId(Page page, int cell) {
        int[] place = {cellAt(page, cell) + (page.isLeaf ? 0 : 4)};
        if (page.isLeaf) {
            varint(data, place);
        }
        return varint(data, place);
    }

    private byte[] record(Page page, int cell) {
        int[] place = {cellAt(page, cell) + (page.isLeaf ? 0 : 4)};
        long length = varint(data, place);
        if (!page.isIndex) {
            varint(data, place);
        }
        if (length < 0 || length > maxRowBytes) {
            throw damaged("has a row of " + length + " bytes, more than " + maxRowBytes);
        }
        return payload(place[0], (int) length, page.start + usableBytes, page.isIndex);
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
        byte[] record = new byte[length];
        System.arraycopy(data, at, record, 0, here);
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

    /** Returns the first values of a record; those that are missing are null. */
    private Object[] values(byte[] record, int most) {
        int[] header = {0};
        long headerBytes = varint(record, header);
        long at = headerBytes;
        Object[] values = new Object[most];
        for (int column = 0; column < most && header[0] < headerBytes; column++) {
            long type = varint(record, header);
            long length = type < 0 || type == 10 || type == 11 ? -1 : type >= 12 ? (type - 12) / 2 : LENGTHS[(int) type];
            if (length < 0 || at < 0 || at + length > record.length) {
                throw damaged("has a row that ends within a value");
            }
            values[column] = value(record, (int) at, (int) length, type);
            at += length;
        }
        return values;
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

    private long varint(byte[] bytes, int[] place) {
        long value = 0;
        for (int count = 0; count < 9 && place[0] < bytes.length; count++) {
            int next = bytes[place[0]++];
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

    private EdgeIdentifyException damaged(String found) {
        return EdgeIdentifyException.damaged(where, found);
    }
}
