package edgeidentify;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON: objects as maps, lists, strings, {@code Long} or {@code Double}, booleans and null. */
public final class Json {
    private static final int MOST_DEPTH = 200;
    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /** Returns the value of a UTF-8 document; throws {@link EdgeIdentifyException} if it is not JSON. */
    public static Object parse(byte[] data, String where) {
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data)).toString();
            Json json = new Json(text);
            Object value = json.value();
            json.space();
            if (json.at != text.length()) {
                throw new IllegalArgumentException("something follows the value");
            }
            return value;
        } catch (CharacterCodingException | IllegalArgumentException | StringIndexOutOfBoundsException error) {
            throw EdgeIdentifyException.format(where + ": is not valid JSON (" + error.getMessage() + ")");
        }
    }

    private Object value() {
        space();
        char sign = text.charAt(at);
        if (sign == '{') {
            return object();
        }
        if (sign == '[') {
            return list();
        }
        if (sign == '"') {
            return string();
        }
        for (String word : new String[] {"true", "false", "null"}) {
            if (text.startsWith(word, at)) {
                at += word.length();
                return word.equals("null") ? null : (Object) word.equals("true");
            }
        }
        return number();
    }

    private Map<String, Object> object() {
        enter();
        Map<String, Object> found = new LinkedHashMap<>();
        while (!closes('}', found.isEmpty())) {
            space();
            String key = string();
            space();
            expect(':');
            found.put(key, value());
        }
        depth--;
        return found;
    }

    private List<Object> list() {
        enter();
        List<Object> found = new ArrayList<>();
        while (!closes(']', found.isEmpty())) {
            found.add(value());
        }
        depth--;
        return found;
    }

    private void enter() {
        at++;
        if (++depth > MOST_DEPTH) {
            throw new IllegalArgumentException("it is nested too deeply");
        }
    }

    private boolean closes(char end, boolean isFirst) {
        space();
        if (text.charAt(at) == end) {
            at++;
            return true;
        }
        if (!isFirst) {
            expect(',');
        }
        return false;
    }

    private String string() {
        expect('"');
        StringBuilder found = new StringBuilder();
        for (char sign = text.charAt(at++); sign != '"'; sign = text.charAt(at++)) {
            if (sign < ' ') {
                throw new IllegalArgumentException("a text has a control character");
            }
            found.append(sign == '\\' ? escaped() : sign);
        }
        String whole = found.toString();
        if (whole.codePoints().anyMatch(point -> point >= 0xD800 && point <= 0xDFFF)) {
            throw new IllegalArgumentException("it holds a lone surrogate");
        }
        return whole;
    }

    private char escaped() {
        char sign = text.charAt(at++);
        if (sign == 'u') {
            at += 4;
            return (char) Integer.parseInt(text.substring(at - 4, at), 16);
        }
        int place = "\"\\/bfnrt".indexOf(sign);
        if (place < 0) {
            throw new IllegalArgumentException("a text has an unknown escape");
        }
        return "\"\\/\b\f\n\r\t".charAt(place);
    }

    private Object number() {
        int start = at;
        while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String digits = text.substring(start, at);
        if (!digits.matches("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")) {
            throw new IllegalArgumentException("unexpected at " + start);
        }
        if (digits.matches("-?[0-9]{1,18}")) {
            return Long.valueOf(digits);
        }
        double found = Double.parseDouble(digits);
        if (Double.isInfinite(found)) {
            throw new IllegalArgumentException("a number is too large");
        }
        return found;
    }

    private void expect(char sign) {
        if (text.charAt(at++) != sign) {
            throw new IllegalArgumentException("expected " + sign + " at " + (at - 1));
        }
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }
}
