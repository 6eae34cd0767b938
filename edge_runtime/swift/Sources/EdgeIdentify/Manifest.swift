/// The manifest of a pack, `pack.json`. Every field of a hostile manifest is checked.
public struct Manifest: Sendable {
    public static let fileName = "pack.json"
    /// The newest format that is read.
    public static let formatVersion = 1
    /// A longer manifest is refused: it is read whole into memory.
    public static let maxBytes = 4 << 20

    static let maxPoints = 2048
    private static let maxFileBytes = 1 << 36
    private static let maxDim = 8192
    private static let maxRows = Int(Int32.max)
    private static let maxSidePx = 1024
    private static let maxPhotoViews = 8
    private static let leastPhotoView = 0.1
    private static let maxFeatureDim = 512
    /// Best first: small variants before exact ones, since each passed the fidelity check when the pack was built.
    private static let preferred = [
        "coreml": ["coreml-int8", "coreml-fp16", "coreml-6bit"],
        "onnx": ["onnx-int8", "onnx-w8", "onnx-fp16", "onnx-fp32", "onnx-w4"],
    ]

    /// A file of the pack.
    public struct FileEntry: Sendable {
        public let path: String
        public let lengthBytes: Int
        public let sha256: String
    }

    /// An input or output of a graph. A length of -1 is free.
    public struct Tensor: Sendable {
        public let name: String
        public let dtype: String
        public let shape: [Int]

        init(_ fields: JsonObject) throws {
            name = try fields.text("name")
            dtype = try fields.text("dtype")
            shape = try fields.wholes("shape")
        }
    }

    /// One exported form of an image tower, a text tower or the local-feature net.
    public struct Variant: Sendable {
        public let name: String
        /// `onnx` or `coreml`.
        public let runtime: String
        /// The path of the model: a file, or a folder of Core ML.
        public let model: String
        public let files: [String]
        /// What the runtime must be, in words.
        public let requires: String
        public let input: Tensor
        /// The embeddings; of a local-feature net, its descriptors.
        public let output: Tensor
        /// Of a local-feature net alone.
        public let heat: Tensor?
        /// Of a local-feature net alone.
        public let reliability: Tensor?
        /// The least cosine similarity to the fp32 original that was measured; nil for a local-feature net.
        public let cosineMin: Double?

        init(_ name: String, _ fields: JsonObject, isNet: Bool) throws {
            self.name = name
            let path = try PackNames.checkedPath(fields.text("model"))
            model = path
            files = try fields.texts("files")
            guard !files.isEmpty, files.allSatisfy({ $0 == path || $0.hasPrefix(path + "/") }) else {
                throw EdgeIdentifyError.format("\(fields.path): `files` must list the model \(path) and no file outside it")
            }
            runtime = try fields.choice("runtime", ["onnx", "coreml"])
            requires = try fields.text("requires")
            input = try Tensor(fields.object("input"))
            output = try Tensor(fields.object(isNet ? "descriptors" : "output"))
            heat = isNet ? try Tensor(fields.object("heat")) : nil
            reliability = isNet ? try Tensor(fields.object("reliability")) : nil
            cosineMin = isNet ? nil : try Variant.cosineMin(fields.object("fidelity"))
            if !isNet, fields.has("portable") { _ = try fields.truth("portable") }
        }

        private static func cosineMin(_ fields: JsonObject) throws -> Double {
            _ = try fields.text("sample")
            _ = try fields.whole("count", 0...Int.max)
            _ = try fields.number("cosine_mean")
            _ = try fields.number("top1_agreement")
            for key in ["cosine_centred", "top5_agreement", "recall_change"] { _ = try fields.optionalNumber(key) }
            return try fields.number("cosine_min")
        }
    }

    /// How texts become token ids.
    public struct TokenizerSpec: Sendable {
        /// `clip-bpe` or `hf-json`.
        public let kind: String
        public let file: String
        public let contextLength: Int
        /// `lower`, `whitespace` or `canonicalize`.
        public let cleaning: String

        package init(kind: String, file: String, contextLength: Int, cleaning: String) {
            self.kind = kind
            self.file = file
            self.contextLength = contextLength
            self.cleaning = cleaning
        }

        init(_ fields: JsonObject) throws {
            let cleanings = ["lower", "whitespace", "canonicalize"]
            if fields.has("pad_id") { _ = try fields.whole("pad_id", 0...Int(Int32.max)) }
            self.init(
                kind: try fields.choice("kind", ["clip-bpe", "hf-json"]),
                file: try fields.text("file"),
                contextLength: try fields.whole("context_length", 3...4096),
                cleaning: fields.has("cleaning") ? try fields.choice("cleaning", cleanings) : "lower")
        }
    }

    /// How points of an image are found.
    public struct PointsRecipe: Sendable {
        public let sidePx: Int
        public let mostPoints: Int

        init(_ fields: JsonObject) throws {
            sidePx = try fields.whole("side_px", 1...Manifest.maxSidePx)
            mostPoints = try fields.whole("most_points", 1...Manifest.maxPoints)
        }
    }

    /// The local-feature net and its recipes.
    public struct LocalFeatures: Sendable {
        /// `thumbnails` or `descriptors`.
        public let form: String
        public let variants: [Variant]
        /// The net as ONNX, which every pack with local features has.
        public let onnx: Variant
        public let dim: Int
        public let sideStepPx: Int
        public let leastHeat: Double
        public let leastSimilarity: Double
        public let photo: PointsRecipe
        public let reference: PointsRecipe
        /// Nil where the form is `thumbnails`.
        public let descriptorsFile: String?

        init(_ fields: JsonObject) throws {
            form = try fields.choice("form", ["thumbnails", "descriptors"])
            variants = try fields.byName("variants") { try Variant($0, $1, isNet: true) }
            guard let net = variants.first(where: { $0.runtime == "onnx" }) else {
                throw EdgeIdentifyError.format("\(fields.path): has no ONNX variant of its net")
            }
            onnx = net
            dim = try fields.whole("dim", 1...Manifest.maxFeatureDim)
            sideStepPx = try fields.whole("side_step_px", 1...Manifest.maxSidePx)
            leastHeat = try fields.number("least_heat", 0...1)
            leastSimilarity = try fields.number("least_similarity", 0...1)
            photo = try PointsRecipe(fields.object("photo"))
            reference = try PointsRecipe(fields.object("reference"))
            descriptorsFile = form == "descriptors" ? try fields.text("descriptors_file") : nil
        }

        /// The form of the net for a runtime; the ONNX form where there is no other.
        func net(runtime: String) -> Variant {
            variants.first { $0.runtime == runtime } ?? onnx
        }
    }

    /// The index, as the manifest describes it.
    public struct IndexSpec: Sendable {
        public let file: String
        /// `flat` or `sq8`.
        public let kind: String
        public let dim: Int
        public let count: Int
        public let mostImagesPerReference: Int
        /// Nil if the pack has no binary codes.
        public let binaryCodesFile: String?

        init(_ fields: JsonObject) throws {
            file = try fields.text("file")
            kind = try fields.choice("kind", ["flat", "sq8"])
            dim = try fields.whole("dim", 1...Manifest.maxDim)
            count = try fields.whole("count", 1...Manifest.maxRows)
            mostImagesPerReference = try fields.whole("most_images_per_reference", 1...Manifest.maxRows)
            _ = try fields.text("embedded_with")
            let codes = try fields.optionalObject("signs")
            binaryCodesFile = try codes?.text("file")
            _ = try codes?.number("recall_at_10", 0...1)
        }
    }

    public let name: String
    public let version: String
    public let title: String
    /// Packs with the same one have comparable embeddings.
    public let spaceId: String
    public let licence: String
    public let dim: Int
    public let preprocessing: Preprocessing
    public let imageVariants: [Variant]
    public let textVariants: [Variant]
    /// Nil if the pack has no text tower.
    public let tokenizer: TokenizerSpec?
    public let index: IndexSpec
    public let referencesFile: String
    public let referenceCount: Int
    public let conformanceFile: String
    /// Nil if the pack is not calibrated.
    public let calibrationFile: String?
    /// Nil if the pack has no thumbnails.
    public let thumbnailsFile: String?
    public let thumbnailSidePx: Int
    /// Nil if the pack has none.
    public let localFeatures: LocalFeatures?
    /// Every file but the manifest, by path.
    public let files: [String: FileEntry]

    /// Reads and checks the bytes of `pack.json`.
    ///
    /// Throws `packNewerFormat`: a newer format. `packFormat`: not JSON, a field is missing or out of range, a path is unsafe, or
    /// a file is named but not listed.
    public init(_ data: [UInt8]) throws {
        let fields = try JsonObject.parse(data, maxBytes: Manifest.maxBytes, path: Manifest.fileName)
        let format = try fields.whole("format", 1...Int.max)
        guard format <= Manifest.formatVersion else {
            throw EdgeIdentifyError.newerFormat(fields.path, found: format, known: Manifest.formatVersion)
        }
        name = try PackNames.checkedPackName(fields.text("name"))
        version = try PackNames.checkedVersion(fields.text("version"))
        title = try fields.text("title")
        _ = try fields.text("generator")
        let model = try fields.object("model")
        _ = try (model.text("name"), model.text("pretrained"))
        dim = try model.whole("dim", 1...Manifest.maxDim)
        spaceId = try PackNames.checkedSha256(model.text("space_id"))
        licence = try model.text("licence")
        preprocessing = try Manifest.preprocessing(fields.object("preprocessing"))
        let encoders = try fields.object("encoders")
        imageVariants = try encoders.byName("image") { try Variant($0, $1, isNet: false) }
        textVariants = try encoders.byName("text") { try Variant($0, $1, isNet: false) }
        tokenizer = try fields.optionalObject("tokenizer").map { try TokenizerSpec($0) }
        index = try IndexSpec(fields.object("index"))
        let references = try fields.object("references")
        referencesFile = try references.text("file")
        referenceCount = try references.whole("count", 1...Manifest.maxRows)
        conformanceFile = try fields.object("conformance").text("file")
        calibrationFile = try fields.optionalObject("calibration")?.text("file")
        let thumbnails = try fields.optionalObject("thumbnails")
        thumbnailsFile = try thumbnails?.text("file")
        thumbnailSidePx = try thumbnails?.whole("side_px", 1...Manifest.maxSidePx) ?? 0
        localFeatures = try fields.optionalObject("local_features").map { try LocalFeatures($0) }
        let entries = try fields.byName("files") { path, entry in
            FileEntry(
                path: try PackNames.checkedPath(path),
                lengthBytes: try entry.whole("length_bytes", 0...Manifest.maxFileBytes),
                sha256: try PackNames.checkedSha256(entry.text("sha256")))
        }
        files = Dictionary(entries.map { ($0.path, $0) }, uniquingKeysWith: { _, last in last })
        try checkConsistent(fields.path)
    }

    /// The files that a device needs if it keeps only these image and text variants, sorted by path.
    public func filesFor(_ variantNames: [String]) throws -> [FileEntry] {
        let towers = imageVariants + textVariants
        guard variantNames.allSatisfy({ name in towers.contains { $0.name == name } }) else {
            let have = Set(towers.map(\.name)).sorted().joined(separator: ", ")
            throw EdgeIdentifyError.format("pack \(name) has the variants \(have), not all of \(variantNames.joined(separator: ", "))")
        }
        let chosen = towers.filter { variantNames.contains($0.name) }
        let nets = localFeatures?.variants ?? []
        let ofVariants = Set((towers + nets).flatMap(\.files))
        let wantedNets = nets.filter { net in chosen.contains { $0.runtime == net.runtime } }
        let kept = Set((chosen + wantedNets).flatMap(\.files) + pathsForAll)
        let needed = files.values.filter { kept.contains($0.path) || !ofVariants.contains($0.path) }
        return needed.sorted { ExactText($0.path) < ExactText($1.path) }
    }

    /// The variants that a device with this runtime, `coreml` or `onnx`, should fetch: the best one of each tower.
    public func variantsToKeep(runtime: String) throws -> [String] {
        let image = try imageVariant(runtime: runtime, here: imageVariants.map(\.name)).name
        let text = textVariant(runtime: runtime, here: textVariants.map(\.name))
        let isShared = textVariants.contains { $0.name == image && $0.runtime == runtime }
        return [image] + (isShared ? [] : [text?.name].compactMap { $0 })
    }

    /// The best image variant for a runtime among those that are here.
    func imageVariant(runtime: String, here: [String]) throws -> Variant {
        guard let found = Manifest.best(imageVariants, runtime: runtime, here: here) else {
            let have = imageVariants.map(\.name).joined(separator: ", ")
            let message = "pack \(name): none of its encoders (\(have)) is here and runs with \(runtime); "
                + "ask its maker for one with the variant \(runtime)-int8"
            throw EdgeIdentifyError(code: .packNoEncoder, message: message)
        }
        return found
    }

    /// The best text variant for a runtime among those that are here.
    func textVariant(runtime: String, here: [String]) -> Variant? {
        Manifest.best(textVariants, runtime: runtime, here: here)
    }

    private static func best(_ variants: [Variant], runtime: String, here: [String]) -> Variant? {
        let runnable = variants.filter { $0.runtime == runtime && here.contains($0.name) }
        let names = (preferred[runtime] ?? []) + runnable.map(\.name)
        return names.lazy.compactMap { name in runnable.first { $0.name == name } }.first
    }

    private static func preprocessing(_ fields: JsonObject) throws -> Preprocessing {
        let views = fields.has("photo_views") ? try fields.numbers("photo_views") : [1]
        guard (1...maxPhotoViews).contains(views.count), views.allSatisfy((leastPhotoView...1).contains) else {
            throw EdgeIdentifyError.format(
                "\(fields.path): `photo_views` is \(views); 1 to \(maxPhotoViews) shares from \(leastPhotoView) to 1 are possible")
        }
        return Preprocessing(
            sizePx: try fields.whole("size_px", 1...maxSidePx),
            resizeMode: try fields.choice("resize_mode", ["shortest-side", "squash"]),
            interpolation: try fields.choice("interpolation", ["pillow-bicubic", "pillow-bilinear"]),
            photoViews: views)
    }

    private var pathsForAll: [String] {
        let optional = [
            index.binaryCodesFile, calibrationFile, thumbnailsFile, tokenizer?.file, localFeatures?.descriptorsFile,
        ]
        let needed = [index.file, referencesFile, conformanceFile] + (localFeatures?.onnx.files ?? [])
        return needed + optional.compactMap { $0 }
    }

    private func checkConsistent(_ path: String) throws {
        let variants = imageVariants + textVariants + (localFeatures?.variants ?? [])
        for named in pathsForAll + variants.flatMap(\.files) where files[named] == nil {
            throw EdgeIdentifyError.format("\(path): names \"\(named)\", which is not among its files")
        }
        try refuse(files[Manifest.fileName] != nil, path, "lists itself among its files")
        try PackNames.checkApart(files.keys + [Manifest.fileName])
        let needsThumbnails = localFeatures?.form == "thumbnails"
        try refuse(needsThumbnails && thumbnailsFile == nil, path, "`local_features` needs thumbnails")
        try refuse(imageVariants.isEmpty, path, "has no image encoder")
        try refuse(!textVariants.isEmpty && tokenizer == nil, path, "has a text encoder but no tokenizer")
        try refuse(index.dim != dim, path, "the index has \(index.dim) dimensions, the encoder \(dim)")
    }

    private func refuse(_ isWrong: Bool, _ path: String, _ message: String) throws {
        if isWrong { throw EdgeIdentifyError.format("\(path): \(message)") }
    }
}
