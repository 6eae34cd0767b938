package edgeidentify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The manifest of a pack, {@code pack.json}. Every field of a hostile manifest is checked. */
public final class Manifest {
    public static final String FILE_NAME = "pack.json";
    /** The newest format that is read. */
    public static final int FORMAT_VERSION = 1;
    /** A longer manifest is refused: it is read whole into memory. */
    public static final int MAX_BYTES = 4 << 20;

    static final int MAX_POINTS = 2048;
    private static final long MAX_FILE_BYTES = 1L << 36;
    private static final int MAX_DIM = 8192;
    private static final int MAX_SIDE_PX = 1024;
    private static final int MAX_PHOTO_VIEWS = 8;
    private static final double LEAST_PHOTO_VIEW = 0.1;
    private static final int MAX_FEATURE_DIM = 512;
    /** Best first: small variants before exact ones, since each passed the fidelity check when the pack was built. */
    private static final List<String> PREFERRED =
        Arrays.asList("onnx-int8", "onnx-w8", "onnx-fp16", "onnx-fp32", "onnx-w4");

    /** A file of the pack. */
    public static final class FileEntry {
        public final String path;
        public final long lengthBytes;
        public final String sha256;

        FileEntry(String path, long lengthBytes, String sha256) {
            this.path = path;
            this.lengthBytes = lengthBytes;
            this.sha256 = sha256;
        }
    }

    /** An input or output of a graph. A length of -1 is free. */
    public static final class Tensor {
        public final String name;
        public final String dtype;
        public final long[] shape;

        private Tensor(JsonObject fields) {
            name = fields.text("name");
            dtype = fields.text("dtype");
            shape = fields.wholes("shape");
        }
    }

    /** One exported form of an image tower, a text tower or the local-feature net. */
    public static final class Variant {
        public final String name;
        /** {@code onnx} or {@code coreml}. */
        public final String runtime;
        /** The path of the model: a file, or a folder of Core ML. */
        public final String model;
        public final List<String> files;
        /** What the runtime must be, in words. */
        public final String requires;
        public final Tensor input;
        /** The embeddings; of a local-feature net, its descriptors. */
        public final Tensor output;
        /** Of a local-feature net alone. */
        public final Tensor heat;
        /** Of a local-feature net alone. */
        public final Tensor reliability;
        /** The least cosine similarity to the fp32 original that was measured; NaN for a local-feature net. */
        public final double cosineMin;

        private Variant(String name, JsonObject fields, boolean isNet) {
            this.name = name;
            model = PackNames.checkedPath(fields.text("model"));
            files = fields.texts("files");
            for (String file : files) {
                if (!file.equals(model) && !file.startsWith(model + "/")) {
                    throw EdgeIdentifyException.format(fields.where + ": `files` lists " + file + ", outside the model " + model);
                }
            }
            if (files.isEmpty()) {
                throw EdgeIdentifyException.format(fields.where + ": `files` is empty");
            }
            runtime = fields.choice("runtime", "onnx", "coreml");
            requires = fields.text("requires");
            input = new Tensor(fields.object("input"));
            output = new Tensor(fields.object(isNet ? "descriptors" : "output"));
            heat = isNet ? new Tensor(fields.object("heat")) : null;
            reliability = isNet ? new Tensor(fields.object("reliability")) : null;
            cosineMin = isNet ? Double.NaN : cosineMin(fields.object("fidelity"));
            if (!isNet && fields.has("portable")) {
                fields.truth("portable");
            }
        }

        private static double cosineMin(JsonObject fields) {
            fields.text("sample");
            fields.whole("count", 0, Long.MAX_VALUE);
            fields.number("cosine_mean");
            fields.number("top1_agreement");
            for (String key : new String[] {"cosine_centred", "top5_agreement", "recall_change"}) {
                if (fields.has(key)) {
                    fields.number(key);
                }
            }
            return fields.number("cosine_min");
        }
    }

    /** How texts become token ids. */
    public static final class TokenizerSpec {
        /** {@code clip-bpe} or {@code hf-json}. */
        public final String kind;
        public final String file;
        public final int contextLength;
        /** {@code lower}, {@code whitespace} or {@code canonicalize}. */
        public final String cleaning;

        TokenizerSpec(String kind, String file, int contextLength, String cleaning) {
            this.kind = kind;
            this.file = file;
            this.contextLength = contextLength;
            this.cleaning = cleaning;
        }

        private static TokenizerSpec of(JsonObject fields) {
            String cleaning =
                fields.has("cleaning") ? fields.choice("cleaning", "lower", "whitespace", "canonicalize") : "lower";
            if (fields.has("pad_id")) {
                fields.whole("pad_id", 0, Integer.MAX_VALUE);
            }
            return new TokenizerSpec(fields.choice("kind", "clip-bpe", "hf-json"), fields.text("file"),
                (int) fields.whole("context_length", 3, 4096), cleaning);
        }
    }

    /** The local-feature net and its recipes. */
    public static final class LocalFeatures {
        /** {@code thumbnails} or {@code descriptors}. */
        public final String form;
        public final Map<String, Variant> variants;
        public final int dim;
        public final int sideStepPx;
        public final double leastHeat;
        public final double leastSimilarity;
        public final int photoSidePx;
        public final int photoMostPoints;
        public final int referenceSidePx;
        public final int referenceMostPoints;
        /** Null where the form is {@code thumbnails}. */
        public final String descriptorsFile;

        private LocalFeatures(JsonObject fields) {
            form = fields.choice("form", "thumbnails", "descriptors");
            variants = fields.byName("variants", (name, each) -> new Variant(name, each, true));
            dim = (int) fields.whole("dim", 1, MAX_FEATURE_DIM);
            sideStepPx = (int) fields.whole("side_step_px", 1, MAX_SIDE_PX);
            leastHeat = fields.numberWithin("least_heat", 0, 1);
            leastSimilarity = fields.numberWithin("least_similarity", 0, 1);
            JsonObject photo = fields.object("photo");
            photoSidePx = (int) photo.whole("side_px", 1, MAX_SIDE_PX);
            photoMostPoints = (int) photo.whole("most_points", 1, MAX_POINTS);
            JsonObject reference = fields.object("reference");
            referenceSidePx = (int) reference.whole("side_px", 1, MAX_SIDE_PX);
            referenceMostPoints = (int) reference.whole("most_points", 1, MAX_POINTS);
            descriptorsFile = form.equals("descriptors") ? fields.text("descriptors_file") : null;
            if (onnx() == null) {
                throw EdgeIdentifyException.format(fields.where + ": has no ONNX variant of its net");
            }
        }

        /** Returns the net as ONNX, which every pack with local features has. */
        public Variant onnx() {
            return variants.values().stream().filter(each -> each.runtime.equals("onnx")).findFirst().orElse(null);
        }
    }

    public final String name;
    public final String version;
    public final String title;
    /** Packs with the same one have comparable embeddings. */
    public final String spaceId;
    public final String licence;
    public final int dim;
    public final Preprocessing preprocessing;
    public final Map<String, Variant> imageVariants;
    public final Map<String, Variant> textVariants;
    /** Null if the pack has no text tower. */
    public final TokenizerSpec tokenizer;
    public final String indexFile;
    /** {@code flat} or {@code sq8}. */
    public final String indexKind;
    public final int indexCount;
    public final int mostImagesPerReference;
    /** Null if the pack has no binary codes. */
    public final String binaryCodesFile;
    public final String referencesFile;
    public final int referenceCount;
    public final String conformanceFile;
    /** Null if the pack is not calibrated. */
    public final String calibrationFile;
    /** Null if the pack has no thumbnails. */
    public final String thumbnailsFile;
    public final int thumbnailSidePx;
    /** Null if the pack has none. */
    public final LocalFeatures localFeatures;
    /** Every file but the manifest, by path. */
    public final Map<String, FileEntry> files;

    private Manifest(JsonObject fields) {
        name = PackNames.checkedPackName(fields.text("name"));
        version = PackNames.checkedVersion(fields.text("version"));
        title = fields.text("title");
        fields.text("generator");
        JsonObject model = fields.object("model");
        model.text("name");
        model.text("pretrained");
        dim = (int) model.whole("dim", 1, MAX_DIM);
        spaceId = PackNames.checkedSha256(model.text("space_id"));
        licence = model.text("licence");
        preprocessing = preprocessing(fields.object("preprocessing"));
        JsonObject encoders = fields.object("encoders");
        imageVariants = encoders.byName("image", (each, entry) -> new Variant(each, entry, false));
        textVariants = encoders.byName("text", (each, entry) -> new Variant(each, entry, false));
        tokenizer = fields.has("tokenizer") ? TokenizerSpec.of(fields.object("tokenizer")) : null;
        JsonObject index = fields.object("index");
        indexFile = index.text("file");
        indexKind = index.choice("kind", "flat", "sq8");
        long indexDim = index.whole("dim", 1, MAX_DIM);
        indexCount = (int) index.whole("count", 1, Integer.MAX_VALUE);
        index.text("embedded_with");
        mostImagesPerReference = (int) index.whole("most_images_per_reference", 1, Integer.MAX_VALUE);
        binaryCodesFile = index.has("signs") ? index.object("signs").text("file") : null;
        if (binaryCodesFile != null) {
            index.object("signs").numberWithin("recall_at_10", 0, 1);
        }
        JsonObject references = fields.object("references");
        referencesFile = references.text("file");
        referenceCount = (int) references.whole("count", 1, Integer.MAX_VALUE);
        conformanceFile = fields.object("conformance").text("file");
        calibrationFile = fields.has("calibration") ? fields.object("calibration").text("file") : null;
        JsonObject thumbnails = fields.has("thumbnails") ? fields.object("thumbnails") : null;
        thumbnailsFile = thumbnails == null ? null : thumbnails.text("file");
        thumbnailSidePx = thumbnails == null ? 0 : (int) thumbnails.whole("side_px", 1, MAX_SIDE_PX);
        localFeatures = fields.has("local_features") ? new LocalFeatures(fields.object("local_features")) : null;
        files = fields.byName("files", (path, entry) -> new FileEntry(PackNames.checkedPath(path),
            entry.whole("length_bytes", 0, MAX_FILE_BYTES), PackNames.checkedSha256(entry.text("sha256"))));
        checkConsistent(indexDim, fields.where);
    }

    /**
     * Reads and checks a manifest.
     *
     * @param data the bytes of {@code pack.json}
     * @throws EdgeIdentifyException {@code PACK_NEWER_FORMAT}: a newer format. {@code PACK_FORMAT}: not JSON, a field
     *     is missing or out of range, a path is unsafe, or a file is named but not listed.
     */
    public static Manifest parse(byte[] data) {
        JsonObject fields = JsonObject.parse(data, MAX_BYTES, FILE_NAME);
        long format = fields.whole("format", 1, Long.MAX_VALUE);
        if (format > FORMAT_VERSION) {
            throw EdgeIdentifyException.newerFormat(FILE_NAME, format, FORMAT_VERSION);
        }
        return new Manifest(fields);
    }

    /** Returns the files that a device needs if it keeps only these image and text variants, sorted by path. */
    public List<FileEntry> filesFor(Collection<String> variantNames) {
        List<Variant> variants = towers();
        Set<String> known = new TreeSet<>();
        Set<String> kept = new TreeSet<>(pathsForAll());
        Set<String> ofVariants = new TreeSet<>();
        Set<String> runtimes = new TreeSet<>();
        for (Variant each : variants) {
            known.add(each.name);
            ofVariants.addAll(each.files);
            if (variantNames.contains(each.name)) {
                kept.addAll(each.files);
                runtimes.add(each.runtime);
            }
        }
        if (!known.containsAll(variantNames)) {
            throw EdgeIdentifyException.format("pack " + name + " has the variants " + known + ", not all of " + variantNames);
        }
        for (Variant net : nets()) {
            ofVariants.addAll(net.files);
            if (runtimes.contains(net.runtime)) {
                kept.addAll(net.files);
            }
        }
        List<FileEntry> needed = new ArrayList<>();
        for (FileEntry entry : new TreeMap<>(files).values()) {
            if (kept.contains(entry.path) || !ofVariants.contains(entry.path)) {
                needed.add(entry);
            }
        }
        return needed;
    }

    /** Returns the variants that a device with ONNX Runtime should fetch: the best one of each tower. */
    public List<String> variantsToKeep() {
        String image = imageVariant(imageVariants.keySet()).name;
        Variant text = textVariant(textVariants.keySet());
        List<String> found = new ArrayList<>(Arrays.asList(image));
        Variant sameName = textVariants.get(image);
        if (text != null && (sameName == null || !sameName.runtime.equals("onnx"))) {
            found.add(text.name);
        }
        return found;
    }

    /** Returns the best image variant for ONNX Runtime among those that are here. */
    public Variant imageVariant(Collection<String> here) {
        Variant found = best(imageVariants, here);
        if (found == null) {
            String message = "pack " + name + ": none of its encoders " + imageVariants.keySet()
                + " runs here; ask its maker for one with the variant onnx-int8";
            throw new EdgeIdentifyException(EdgeIdentifyException.Code.PACK_NO_ENCODER, message, null);
        }
        return found;
    }

    /** Returns the best text variant for ONNX Runtime among those that are here; null if there is none. */
    public Variant textVariant(Collection<String> here) {
        return best(textVariants, here);
    }

    private static Variant best(Map<String, Variant> variants, Collection<String> here) {
        List<String> names = new ArrayList<>(PREFERRED);
        names.addAll(variants.keySet());
        for (String name : names) {
            Variant found = variants.get(name);
            if (found != null && found.runtime.equals("onnx") && here.contains(name)) {
                return found;
            }
        }
        return null;
    }

    private static Preprocessing preprocessing(JsonObject fields) {
        double[] views = fields.has("photo_views") ? fields.numbers("photo_views") : new double[] {1};
        boolean areShares = Arrays.stream(views).allMatch(share -> LEAST_PHOTO_VIEW <= share && share <= 1);
        if (views.length == 0 || views.length > MAX_PHOTO_VIEWS || !areShares) {
            throw EdgeIdentifyException.format(fields.where + ": `photo_views` is " + Arrays.toString(views) + "; 1 to "
                + MAX_PHOTO_VIEWS + " shares from " + LEAST_PHOTO_VIEW + " to 1 are possible");
        }
        return new Preprocessing((int) fields.whole("size_px", 1, MAX_SIDE_PX),
            fields.choice("resize_mode", "shortest-side", "squash"),
            fields.choice("interpolation", "pillow-bicubic", "pillow-bilinear"), views);
    }

    private List<Variant> towers() {
        List<Variant> found = new ArrayList<>(imageVariants.values());
        found.addAll(textVariants.values());
        return found;
    }

    private Collection<Variant> nets() {
        return localFeatures == null ? new ArrayList<>() : localFeatures.variants.values();
    }

    private Set<String> pathsForAll() {
        Set<String> found = new TreeSet<>(Arrays.asList(indexFile, referencesFile, conformanceFile));
        String[] optional = {binaryCodesFile, calibrationFile, thumbnailsFile,
            tokenizer == null ? null : tokenizer.file, localFeatures == null ? null : localFeatures.descriptorsFile};
        for (String path : optional) {
            if (path != null) {
                found.add(path);
            }
        }
        if (localFeatures != null) {
            found.addAll(localFeatures.onnx().files);
        }
        return found;
    }

    private void checkConsistent(long indexDim, String where) {
        Set<String> named = pathsForAll();
        towers().forEach(each -> named.addAll(each.files));
        nets().forEach(each -> named.addAll(each.files));
        for (String path : named) {
            if (!files.containsKey(path)) {
                throw EdgeIdentifyException.format(where + ": names \"" + path + "\", which is not among its files");
            }
        }
        Map<String, FileEntry> all = new LinkedHashMap<>(files);
        if (all.put(FILE_NAME, null) != null) {
            throw EdgeIdentifyException.format(where + ": lists itself among its files");
        }
        PackNames.checkApart(all.keySet());
        boolean needsThumbnails = localFeatures != null && localFeatures.form.equals("thumbnails");
        refuseIf(needsThumbnails && thumbnailsFile == null, where, "`local_features` needs thumbnails");
        refuseIf(imageVariants.isEmpty(), where, "has no image encoder");
        refuseIf(!textVariants.isEmpty() && tokenizer == null, where, "has a text encoder but no tokenizer");
        refuseIf(indexDim != dim, where, "the index has " + indexDim + " dimensions, the encoder " + dim);
    }

    private static void refuseIf(boolean isWrong, String where, String message) {
        if (isWrong) {
            throw EdgeIdentifyException.format(where + ": " + message);
        }
    }
}
