/// Identifies photos with one pack, and searches it by text.
///
/// Its methods may be called from one thread at a time: put it into an actor of the app.
public final class PackIdentifier {
    public let manifest: Manifest
    let pack: Pack
    let comparison: PointComparison
    let finder: ReferenceFinder
    let searcher: TextSearcher
    private let runtime: Runtime
    private let encoder: ImageEncoder
    private let variantName: String
    private let calibration: Calibration?

    /// Opens a pack that was read. Throws if a file is damaged, or no encoder of the pack runs here.
    public init(_ pack: Pack, _ runtime: Runtime) throws {
        self.pack = pack
        self.runtime = runtime
        manifest = pack.manifest
        let variant = try pack.imageVariant
        variantName = variant.name
        let calibrations = try manifest.calibrationFile.map { try Calibration.File(pack.file($0), path: $0) } ?? Calibration.File()
        calibration = calibrations.photos[variant.name]
        finder = try ReferenceFinder(pack)
        searcher = TextSearcher(pack, runtime, finder, calibrations.texts)
        comparison = PointComparison(pack, runtime)
        encoder = try runtime.imageEncoder(pack, variant)
    }

    /// Identifies one photo.
    public func identify(_ photo: Image, _ options: Options = Options()) throws -> Answer {
        try identifyTogether([photo], options)
    }

    /// Returns one answer from several photos of the same thing.
    public func identifyTogether(_ photos: [Image], _ options: Options = Options()) throws -> Answer {
        guard !photos.isEmpty else { throw EdgeIdentifyError.setup("no photo is given; give at least one") }
        try options.check()
        let mayCompare = try self.mayCompare(options)
        let views = try photos.map { try embed(manifest.preprocessing.photoPixels($0), manifest.preprocessing.photoViews.count) }
        var found = try finder.answer(
            ReferenceFinder.Question(
                photos: views, options: options, topK: mayCompare ? max(options.topK, PointComparison.candidates) : options.topK,
                variantName: variantName, calibration: calibration))
        if mayCompare, options.verifyGeometry == .always || found.decision?.word != .identified {
            return try verified(photos, found, options.topK)
        }
        found.matches = Array(found.matches.prefix(options.topK))
        return found
    }

    /// Returns the references that a text names or describes, best first. The answer has no decision.
    public func search(_ text: String, _ options: Options = Options()) throws -> Answer {
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw EdgeIdentifyError.setup(
                "the text is empty; give a name, a part of one, or a description such as \"a red mosaic\"")
        }
        try options.check()
        return try searcher.search(text, options)
    }

    /// Returns the unit vector of an image, as the index has it of reference images.
    public func embedImage(_ image: Image) throws -> [Float] {
        try embed(manifest.preprocessing.pixels(image), 1)[0]
    }

    /// Compares a photo point by point with the picture of a match; nil if too few points agree, or nothing can be compared.
    public func compare(_ photo: Image, _ match: Answer.Match) throws -> PointAgreement? {
        guard let indexId = match.indexId, let points = try comparison.photoPoints(photo) else { return nil }
        return try comparison.compare(points, indexId)
    }

    /// Returns the picture of a match as a small WebP; nil if the pack has none.
    public func thumbnail(_ match: Answer.Match) throws -> [UInt8]? {
        guard let indexId = match.indexId else { return nil }
        return try comparison.thumbnails()?.webp(indexId)
    }

    /// Returns a reference; nil if the pack has none with this id.
    public func reference(_ id: String) throws -> Reference? {
        try finder.references.has(id) ? finder.references.reference(id) : nil
    }

    /// Runs the pack's own photos on this device. Do it after an install, before the pack is used.
    ///
    /// Returns the lowest cosine similarity to an expected embedding. Throws `packDamaged` if a photo gives another embedding or
    /// other points here.
    @discardableResult
    public func selfTest() throws -> Double {
        try SelfTest(self, runtime).run()
    }

    func answer(of embedding: [Float]) throws -> Answer {
        try finder.answer(
            ReferenceFinder.Question(
                photos: [[embedding]], options: Options(), topK: 1, variantName: variantName, calibration: calibration))
    }

    private func embed(_ pixels: [UInt8], _ count: Int) throws -> [[Float]] {
        let found = try encoder.embed(pixels, count: count)
        guard found.count == count, found.allSatisfy({ $0.count == manifest.dim && $0.allSatisfy(\.isFinite) }) else {
            throw EdgeIdentifyError.damaged(variantName, "returns NaN, or other vectors than \(count) of \(manifest.dim) numbers")
        }
        return found
    }

    private func mayCompare(_ options: Options) throws -> Bool {
        let isAlways = options.verifyGeometry == .always
        let isWanted = isAlways || (options.verifyGeometry == .auto && calibration?.points != nil)
        let isPossible = try isWanted && comparison.isPossible()
        if isAlways, !isPossible {
            throw EdgeIdentifyError.setup("points cannot be compared: the pack has no local features, or the app no net")
        }
        return isPossible
    }

    /// Compares the photos of an answer point by point, and decides again.
    private func verified(_ photos: [Image], _ found: Answer, _ topK: Int) throws -> Answer {
        var counts = [Int](repeating: 0, count: found.matches.count)
        for photo in photos {
            guard let points = try comparison.photoPoints(photo) else { continue }
            for (at, match) in found.matches.prefix(PointComparison.candidates).enumerated() {
                // A reference counts with the photo that has the most points in common with it.
                let agreement = try match.indexId.flatMap { try comparison.compare(points, $0) }
                counts[at] = max(counts[at], agreement?.inPhoto.count ?? 0)
            }
        }
        var answer = found
        guard let before = found.decision, let calibration else {
            let order = Evidence.falling(counts.map(Double.init))
            answer.matches = PackIdentifier.ranked(found, counts, order, nil, topK)
            return answer
        }
        guard let decided = Evidence.withPoints(before, counts, calibration) else {
            answer.matches = PackIdentifier.ranked(found, counts, Array(counts.indices), before, topK)
            return answer
        }
        let order = decided.order.filter { $0 < counts.count }
        let references = order.map { found.matches[$0].reference }
        answer.decision = decided.decision
        answer.matches = PackIdentifier.ranked(found, counts, order, decided.decision, topK)
        answer.lookAlikes = Array(references.prefix(decided.decision.lookAlikeCount))
        answer.likelyKind =
            decided.decision.word == .identified ? nil : SharedLabels.likelyKind(references, decided.decision.confidences)
        return answer
    }

    private static func ranked(
        _ found: Answer, _ counts: [Int], _ order: [Int], _ decision: Decision?, _ topK: Int
    ) -> [Answer.Match] {
        order.prefix(topK).enumerated().map { rank, at in
            var match = found.matches[at]
            match.matchedPoints = counts[at]
            match.confidence = decision?.confidences[rank]
            return match
        }
    }
}
