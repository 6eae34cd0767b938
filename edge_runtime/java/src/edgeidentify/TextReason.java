package edgeidentify;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Why a reference answers a text: its own words, or its picture's similarity to the text. */
public final class TextReason {
    static final TextReason LOOKS_LIKE_IT = new TextReason("similarity", "", false, Collections.emptyMap());

    /** {@code id}, {@code name}, {@code label}, {@code namespace}, {@code attribute} or {@code similarity}. */
    public final String foundIn;
    /** The kind of label or the name of the attribute; empty for the others. */
    public final String key;
    /** Whether the whole id or name equals the whole text, but for case, accents and separators. */
    public final boolean isExact;
    /** What is meant, for each word taken for a typing error. */
    public final Map<String, String> corrected;

    TextReason(String foundIn, String key, boolean isExact, Map<String, String> corrected) {
        this.foundIn = foundIn;
        this.key = key;
        this.isExact = isExact;
        this.corrected = corrected;
    }

    /** Returns the reason in words. */
    public String inWords() {
        if (foundIn.equals("similarity")) {
            return "looks like the text";
        }
        String where = (isExact ? "exact " : "") + foundIn + (key.isEmpty() ? "" : " " + key);
        List<String> words = new ArrayList<>();
        corrected.forEach((typed, meant) -> words.add(meant + " for \"" + typed + "\""));
        return words.isEmpty() ? where : where + " (" + String.join(", ", words) + ")";
    }
}
