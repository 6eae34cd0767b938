package edgeidentify;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** CLIP's byte-pair encoding, from the merges in a pack to token ids. FORMAT.md ("clip-bpe") has the steps. */
public final class ClipTokenizer {
    private static final String START = "<start_of_text>";
    private static final String END = "<end_of_text>";
    private static final String END_OF_WORD = "</w>";
    private static final int MAX_MERGES_BYTES = 16 << 20;
    private static final Pattern PIECES = Pattern.compile("<start_of_text>|<end_of_text>|'[sS]|'[tT]|'[rR][eE]|'[vV][eE]"
        + "|'[mM]|'[lL][lL]|'[dD]|\\p{L}+|\\p{N}|[^\\s\\p{Z}\\p{L}\\p{N}]+");

    private final Manifest.TokenizerSpec spec;
    private final String[] characters = byteCharacters();
    private final Map<String, Integer> ranks = new HashMap<>();
    private final Map<String, Integer> ids = new HashMap<>();

    /**
     * Reads the merges.
     *
     * @param data UTF-8, in order of rank, one pair a line
     */
    public ClipTokenizer(byte[] data, Manifest.TokenizerSpec spec) {
        this.spec = spec;
        List<String> tokens = new ArrayList<>();
        List<String> ordered = inOrderOfIds(characters);
        tokens.addAll(ordered);
        ordered.forEach(character -> tokens.add(character + END_OF_WORD));
        for (String line : text(data, spec.file).split("\n")) {
            if (line.isEmpty()) {
                continue;
            }
            String[] pair = line.split(" ", -1);
            if (pair.length != 2) {
                throw notMerges(spec.file);
            }
            ranks.putIfAbsent(line, ranks.size());
            tokens.add(pair[0] + pair[1]);
        }
        tokens.add(START);
        tokens.add(END);
        for (int id = 0; id < tokens.size(); id++) {
            ids.put(tokens.get(id), id);
        }
    }

    /** Returns as many token ids as the context has; unused places are 0. A text that is cut ends with the end mark. */
    public long[] encode(String text) {
        List<Integer> tokens = new ArrayList<>();
        tokens.add(id(START));
        for (String piece : Folding.all(PIECES, TextCleaning.cleaned(text, spec.cleaning))) {
            if (piece.equals(START) || piece.equals(END)) {
                tokens.add(id(piece));
            } else {
                merged(piece).forEach(part -> tokens.add(id(part)));
            }
        }
        tokens.add(id(END));
        long[] found = new long[spec.contextLength];
        int count = Math.min(tokens.size(), found.length);
        for (int at = 0; at < count; at++) {
            found[at] = tokens.get(at);
        }
        found[count - 1] = id(END);
        return found;
    }

    long endToken() {
        return id(END);
    }

    /** Returns the id of the token for a byte within a word. */
    long idOfByte(int value) {
        return id(characters[value]);
    }

    private int id(String token) {
        return ids.getOrDefault(token, 0);
    }

    private List<String> merged(String piece) {
        List<String> parts = new ArrayList<>();
        for (byte each : piece.getBytes(StandardCharsets.UTF_8)) {
            parts.add(characters[each & 255]);
        }
        parts.set(parts.size() - 1, parts.get(parts.size() - 1) + END_OF_WORD);
        while (true) {
            String best = null;
            int rank = Integer.MAX_VALUE;
            for (int at = 0; at + 1 < parts.size(); at++) {
                int found = ranks.getOrDefault(parts.get(at) + " " + parts.get(at + 1), Integer.MAX_VALUE);
                if (found < rank) {
                    rank = found;
                    best = parts.get(at) + " " + parts.get(at + 1);
                }
            }
            if (best == null) {
                return parts;
            }
            parts = joinedPairs(parts, best);
        }
    }

    private static List<String> joinedPairs(List<String> parts, String pair) {
        List<String> found = new ArrayList<>();
        for (int at = 0; at < parts.size(); at++) {
            boolean isPair = at + 1 < parts.size() && pair.equals(parts.get(at) + " " + parts.get(at + 1));
            found.add(isPair ? parts.get(at) + parts.get(++at) : parts.get(at));
        }
        return found;
    }

    private static String text(byte[] data, String where) {
        if (data.length > MAX_MERGES_BYTES) {
            throw EdgeIdentifyException.format(where + ": " + data.length + " bytes, more than the limit of " + MAX_MERGES_BYTES);
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data)).toString();
        } catch (CharacterCodingException error) {
            throw notMerges(where);
        }
    }

    private static EdgeIdentifyException notMerges(String where) {
        return EdgeIdentifyException.damaged(where, "is not a list of merges");
    }

    /** Returns the printable character of each byte. */
    private static String[] byteCharacters() {
        String[] found = new String[256];
        int others = 0;
        for (int value = 0; value < 256; value++) {
            found[value] = String.valueOf((char) (isPrintable(value) ? value : 256 + others++));
        }
        return found;
    }

    /** Returns the printable bytes first: their order is that of the ids. */
    private static List<String> inOrderOfIds(String[] characters) {
        List<String> found = new ArrayList<>();
        for (boolean isPrintable : new boolean[] {true, false}) {
            for (int value = 0; value < 256; value++) {
                if (isPrintable(value) == isPrintable) {
                    found.add(characters[value]);
                }
            }
        }
        return found;
    }

    private static boolean isPrintable(int value) {
        return value >= 33 && value <= 126 || value >= 161 && value <= 172 || value >= 174;
    }
}
