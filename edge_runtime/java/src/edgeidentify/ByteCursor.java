package edgeidentify;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Reads little-endian numbers of a file from outside. Every length is compared with the file before memory is taken. */
final class ByteCursor {
    private final ByteBuffer file;
    private final String where;

    ByteCursor(byte[] data, String where) {
        file = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        this.where = where;
    }

    String ascii(int length) {
        return new String(bytes(length), StandardCharsets.ISO_8859_1);
    }

    byte[] bytes(int length) {
        need(length);
        byte[] found = new byte[length];
        file.get(found);
        return found;
    }

    int u8() {
        need(1);
        return file.get() & 255;
    }

    int u16() {
        need(2);
        return file.getShort() & 0xffff;
    }

    int i32() {
        need(4);
        return file.getInt();
    }

    /** Returns a 64-bit number; one from 2^63 on is negative, and no expected count. */
    long i64() {
        need(8);
        return file.getLong();
    }

    float[] floats(long count) {
        need(4 * count);
        float[] found = new float[(int) count];
        file.asFloatBuffer().get(found);
        file.position(file.position() + 4 * found.length);
        return found;
    }

    long[] longs(int count) {
        need(8L * count);
        long[] found = new long[count];
        file.asLongBuffer().get(found);
        file.position(file.position() + 8 * count);
        return found;
    }

    int position() {
        return file.position();
    }

    /** Passes bytes and returns where they begin. */
    int skip(long length) {
        need(length);
        int start = file.position();
        file.position(start + (int) length);
        return start;
    }

    void expect(long expected, String what) {
        long found = i64();
        if (found != expected) {
            throw damaged("announces " + found + " " + what + " where " + expected + " were expected");
        }
    }

    void finish() {
        if (file.hasRemaining()) {
            throw damaged("has " + file.remaining() + " bytes after its end");
        }
    }

    EdgeIdentifyException damaged(String found) {
        return EdgeIdentifyException.damaged(where, found);
    }

    private void need(long length) {
        if (length < 0 || length > file.remaining()) {
            throw damaged("ends after " + file.limit() + " bytes");
        }
    }
}
