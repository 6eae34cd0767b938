package edgeidentify;

import java.util.List;
import java.util.Map;

/** Writes JSON: maps, lists, texts, numbers, booleans and null. */
final class JsonText {
    private JsonText() {
    }

    static String of(Object value) {
        StringBuilder text = new StringBuilder();
        write(value, text);
        return text.toString();
    }

    private static void write(Object value, StringBuilder text) {
        if (value instanceof Map) {
            String separator = "{";
            for (Map.Entry<?, ?> each : ((Map<?, ?>) value).entrySet()) {
                text.append(separator);
                quote((String) each.getKey(), text);
                text.append(':');
                write(each.getValue(), text);
                separator = ",";
            }
            text.append(separator.equals("{") ? "{}" : "}");
        } else if (value instanceof List) {
            String separator = "[";
            for (Object each : (List<?>) value) {
                text.append(separator);
                write(each, text);
                separator = ",";
            }
            text.append(separator.equals("[") ? "[]" : "]");
        } else if (value instanceof String) {
            quote((String) value, text);
        } else {
            text.append(value);
        }
    }

    private static void quote(String value, StringBuilder text) {
        text.append('"');
        for (int at = 0; at < value.length(); at++) {
            char sign = value.charAt(at);
            if (sign < ' ') {
                text.append(String.format("\\u%04x", (int) sign));
            } else {
                text.append(sign == '"' || sign == '\\' ? "\\" : "").append(sign);
            }
        }
        text.append('"');
    }
}
