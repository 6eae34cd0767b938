package edgeidentify;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Searches one pack by text: its own words and its text tower, joined by rank. An exact id or name is first. */
final class TextSearcher {
    private static final String WORDS_ALONE = "words"; // stands for the encoder variant where there is no encoder
    private static final int MOST_REFERENCES = 200_000; // more are not indexed by their words
    private static final int LEAST_RANKED = 50; // of each ranking before they are joined
    private static final int K = 60; // of reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009
    private static final int MOST_NAMED = 8;
    private static final String ADVICE = "check the spelling, give a part of a name, or use other English words";

    private final Pack pack;
    private final Runtime runtime;
    private final ReferenceFinder finder;
    private final Map<String, Calibration.TextBands> bands;
    private final boolean areTooMany;
    private WordIndex words;
    private boolean isLoaded;
    private String variantName;
    private TextEncoder encoder;
    private ClipTokenizer tokenizer;
    private KnownWords knownWords;

    TextSearcher(Pack pack, Runtime runtime, ReferenceFinder finder, Map<String, Calibration.TextBands> bands) {
        this.pack = pack;
        this.runtime = runtime;
        this.finder = finder;
        this.bands = bands;
        areTooMany = pack.manifest.referenceCount > MOST_REFERENCES;
    }

    /** Returns the references that a text names or describes, best first. */
    Answer search(String text, Options options) {
        int wanted = Math.max(options.topK, LEAST_RANKED);
        Set<String> among = null;
        if (!options.filters.areNone()) {
            options.filters.passingIndexIds(finder.references); // refuses filters that nothing passes
            among = new HashSet<>(finder.references.ids(options.filters.asStored(finder.references)));
        }
        Map<String, WordIndex.Hit> hits = new LinkedHashMap<>();
        wordIndex().find(text, wanted, among).forEach(hit -> hits.put(hit.referenceId, hit));
        load();
        List<String> telling = Folding.tellingWords(text);
        List<String> unknown = encoder == null ? Collections.emptyList() : knownWords.unknown(telling);
        // Of "a picture" nothing is unknown: every picture is one.
        boolean isEnough = encoder != null && (unknown.isEmpty() || unknown.size() < telling.size());
        List<Answer.Match> nearest = new ArrayList<>();
        List<Answer.Match> further = new ArrayList<>();
        if (isEnough) {
            float[] embedding = encoder.embed(new long[][] {tokenizer.encode(text)})[0];
            List<float[][]> asked = Collections.singletonList(new float[][] {embedding});
            nearest = withBands(finder.answer(asked, options, wanted, variantName, null).matches);
            Set<String> others = new LinkedHashSet<>(hits.keySet());
            nearest.forEach(match -> others.remove(match.reference.id));
            further = withBands(finder.matchesOf(embedding, others));
        }
        List<Answer.Match> matches = joined(hits, nearest, further, options.topK);
        String name = encoder == null ? WORDS_ALONE : variantName;
        Answer answer = new Answer(pack.manifest, name, null, matches, new ArrayList<>(), null, null, options.filters);
        return answer.withNote(note(matches, isEnough, unknown), unknown);
    }

    /** Embeds one text, if the pack has a text tower that runs here. */
    void selfTest() {
        load();
        if (encoder != null) {
            search("a picture", Options.DEFAULT);
        }
    }

    private WordIndex wordIndex() {
        if (words == null) {
            words = new WordIndex(areTooMany ? Collections.emptyList() : finder.references.references());
        }
        return words;
    }

    private void load() {
        Manifest.TokenizerSpec spec = pack.manifest.tokenizer;
        Manifest.Variant variant = pack.manifest.textVariant(pack.variantNames);
        if (!isLoaded && variant != null && spec != null && spec.kind.equals("clip-bpe")) {
            encoder = runtime.textEncoder(pack, variant);
            if (encoder != null) {
                variantName = variant.name;
                tokenizer = new ClipTokenizer(pack.file(spec.file), spec);
                knownWords = new KnownWords(encoder, tokenizer);
            }
        }
        isLoaded = true;
    }

    private List<Answer.Match> withBands(List<Answer.Match> matches) {
        Calibration.TextBands of = bands.get(variantName);
        List<Answer.Match> found = new ArrayList<>();
        for (Answer.Match match : matches) {
            Answer.Match.Builder builder = new Answer.Match.Builder(match);
            builder.band = of == null ? null : of.of(match.score);
            found.add(builder.build());
        }
        return found;
    }

    private List<Answer.Match> joined(Map<String, WordIndex.Hit> hits, List<Answer.Match> nearest, List<Answer.Match> further, int topK) {
        Map<String, Answer.Match> near = new HashMap<>();
        Map<String, Double> sums = new LinkedHashMap<>();
        Set<String> order = new LinkedHashSet<>();
        hits.forEach((id, hit) -> {
            if (hit.isExact) {
                order.add(id);
            }
            sums.put(id, 1.0 / (K + hit.rank));
        });
        for (int at = 0; at < nearest.size(); at++) {
            Answer.Match match = nearest.get(at);
            near.put(match.reference.id, match);
            if (!"weak".equals(match.band)) {
                sums.merge(match.reference.id, 1.0 / (K + at + 1), Double::sum);
            }
        }
        further.forEach(match -> near.put(match.reference.id, match));
        List<Map.Entry<String, Double>> fused = new ArrayList<>(sums.entrySet());
        fused.sort(Comparator.comparingDouble(each -> -each.getValue()));
        fused.forEach(each -> order.add(each.getKey()));
        nearest.forEach(match -> order.add(match.reference.id));
        List<Answer.Match> found = new ArrayList<>();
        for (String id : order) {
            if (found.size() < topK) {
                found.add(match(id, near.get(id), hits.get(id)));
            }
        }
        return found;
    }

    private Answer.Match match(String id, Answer.Match near, WordIndex.Hit hit) {
        Answer.Match.Builder match;
        if (near == null) {
            List<Long> images = finder.references.imagesOf(id);
            Long indexId = images.isEmpty() ? null : images.get(0);
            Map<String, String> facts = indexId == null ? null : finder.references.imageFacts(indexId);
            match = new Answer.Match.Builder(finder.references.reference(id), 0, indexId, facts);
        } else {
            match = new Answer.Match.Builder(near);
        }
        match.reasons = new ArrayList<>(hit == null ? Collections.emptyList() : hit.reasons);
        if (hit == null || "strong".equals(match.band) || "fair".equals(match.band)) {
            match.reasons.add(TextReason.LOOKS_LIKE_IT);
        }
        return match.build();
    }

    /** Returns what a person must know of the answer: why nothing answers, or what the similarities leave out. */
    private String note(List<Answer.Match> matches, boolean isEnough, List<String> unknown) {
        String looked = areTooMany ? "this pack has too many references to search them by words" : "";
        String noSimilarity = encoder == null ? "this pack has no text encoder that runs here"
            : "the text encoder knows none of these words, so similarities would be chance";
        if (matches.isEmpty()) {
            String nothing = "no reference has these words in its id, name, labels, namespace or attributes";
            return (looked.isEmpty() ? nothing : looked) + ", and " + noSimilarity + "; " + ADVICE;
        }
        if (!isEnough) {
            return "found by words alone: " + noSimilarity;
        }
        boolean areWeak = matches.stream()
            .allMatch(match -> "weak".equals(match.band) && match.reasons.get(0).foundIn.equals("similarity"));
        if (areWeak) {
            return (looked.isEmpty() ? "no reference has these words" : looked) + ", and every similarity is weak; " + ADVICE;
        }
        if (!unknown.isEmpty()) {
            String some = String.join("\", \"", unknown.subList(0, Math.min(MOST_NAMED, unknown.size())));
            String more = unknown.size() > MOST_NAMED ? ", ..." : "";
            return "the text encoder does not know \"" + some + "\"" + more + "; similarities are those of the other words";
        }
        return looked;
    }
}
