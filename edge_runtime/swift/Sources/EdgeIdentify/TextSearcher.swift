/// Searches one pack by text: its own words and its text tower, joined by rank. An exact id or name is first.
final class TextSearcher {
    /// A text tower, with what is needed to ask it.
    private struct Tower {
        let variantName: String
        let encoder: TextEncoder
        let tokenizer: ClipTokenizer
        let knownWords: KnownWords
    }

    private static let wordsAlone = "words" // stands for the encoder variant where there is no encoder
    private static let mostReferences = 200_000 // more are not indexed by their words
    private static let leastRanked = 50 // of each ranking before they are joined
    private static let k = 60 // of reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009
    private static let mostNamed = 8
    private static let advice = "check the spelling, give a part of a name, or use other English words"

    private let pack: Pack
    private let runtime: Runtime
    private let finder: ReferenceFinder
    private let bands: [String: Calibration.TextBands]
    private let areTooMany: Bool
    private var words: WordIndex?
    private var loaded: Tower??

    init(_ pack: Pack, _ runtime: Runtime, _ finder: ReferenceFinder, _ bands: [String: Calibration.TextBands]) {
        self.pack = pack
        self.runtime = runtime
        self.finder = finder
        self.bands = bands
        areTooMany = pack.manifest.referenceCount > TextSearcher.mostReferences
    }

    /// The references that a text names or describes, best first.
    func search(_ text: String, _ options: Options) throws -> Answer {
        let wanted = max(options.topK, TextSearcher.leastRanked)
        let hits = try wordIndex().find(text, most: wanted, among: passing(options.filters))
        let tower = try self.tower()
        let telling = Folding.tellingWords(text)
        let unknown = try tower?.knownWords.unknown(telling) ?? []
        // Of "a picture" nothing is unknown: every picture is one.
        let isEnough = tower != nil && (unknown.isEmpty || unknown.count < telling.count)
        var (nearest, further): ([Answer.Match], [Answer.Match]) = ([], [])
        if let tower, isEnough {
            guard let embedding = try tower.encoder.embed([tower.tokenizer.encode(text)]).first else {
                throw EdgeIdentifyError.damaged(tower.variantName, "returns no embedding of a text")
            }
            let question = ReferenceFinder.Question(
                photos: [[embedding]], options: options, topK: wanted, variantName: tower.variantName, calibration: nil)
            nearest = withBands(try finder.answer(question).matches, tower)
            let near = Set(nearest.map { ExactText($0.reference.id) })
            let others = hits.map(\.referenceId).filter { !near.contains(ExactText($0)) }
            further = withBands(try finder.matches(of: embedding, others), tower)
        }
        let matches = try joined(hits, nearest, further, options.topK)
        var answer = Answer(
            pack.manifest, encoder: tower?.variantName ?? TextSearcher.wordsAlone, decision: nil, matches: matches, position: nil,
            filters: options.filters)
        answer.note = note(matches, hasEncoder: tower != nil, isEnough: isEnough, unknown)
        answer.unknownWords = unknown
        return answer
    }

    /// Embeds one text, if the pack has a text tower that runs here.
    func selfTest() throws {
        if try tower() != nil { _ = try search("a picture", Options()) }
    }

    private func passing(_ filters: Filters) throws -> Set<ExactText>? {
        if filters.areNone { return nil }
        _ = try filters.passingIndexIds(finder.references) // refuses filters that nothing passes
        return Set(try finder.references.ids(filters.asStored(finder.references)).map(ExactText.init))
    }

    private func wordIndex() throws -> WordIndex {
        if let words { return words }
        let found = WordIndex(areTooMany ? [] : try finder.references.references())
        words = found
        return found
    }

    private func tower() throws -> Tower? {
        if let loaded { return loaded }
        let found = try load()
        loaded = .some(found)
        return found
    }

    private func load() throws -> Tower? {
        guard let spec = pack.manifest.tokenizer, spec.kind == "clip-bpe", let variant = pack.textVariant,
            let encoder = try runtime.textEncoder(pack, variant)
        else { return nil }
        let tokenizer = try ClipTokenizer(pack.file(spec.file), spec)
        return Tower(
            variantName: variant.name, encoder: encoder, tokenizer: tokenizer, knownWords: KnownWords(encoder, tokenizer))
    }

    private func withBands(_ matches: [Answer.Match], _ tower: Tower) -> [Answer.Match] {
        matches.map { match in
            var found = match
            found.band = bands[tower.variantName]?.band(match.score)
            return found
        }
    }

    private func joined(
        _ hits: [WordIndex.Hit], _ nearest: [Answer.Match], _ further: [Answer.Match], _ topK: Int
    ) throws -> [Answer.Match] {
        var order = hits.filter(\.isExact).map { ExactText($0.referenceId) }
        var fused: [(id: ExactText, sum: Double)] = hits.map { (ExactText($0.referenceId), 1 / Double(TextSearcher.k + $0.rank)) }
        for (at, match) in nearest.enumerated() where match.band != "weak" {
            let (id, part) = (ExactText(match.reference.id), 1 / Double(TextSearcher.k + at + 1))
            if let known = fused.firstIndex(where: { $0.id == id }) { fused[known].sum += part } else { fused.append((id, part)) }
        }
        let sorted = fused.enumerated().sorted { one, other in
            one.element.sum > other.element.sum || (one.element.sum == other.element.sum && one.offset < other.offset)
        }
        order += sorted.map(\.element.id) + nearest.map { ExactText($0.reference.id) }
        let near = Dictionary(
            (nearest + further).map { (ExactText($0.reference.id), $0) }, uniquingKeysWith: { first, _ in first })
        let byWords = Dictionary(hits.map { (ExactText($0.referenceId), $0) }, uniquingKeysWith: { first, _ in first })
        var told: Set<ExactText> = []
        return try order.filter { told.insert($0).inserted }.prefix(topK).map { id in
            try match(id.text, near[id], byWords[id])
        }
    }

    private func match(_ id: String, _ near: Answer.Match?, _ hit: WordIndex.Hit?) throws -> Answer.Match {
        var found = try near ?? matchByWords(id)
        let looksLikeIt = hit == nil || found.band == "strong" || found.band == "fair"
        found.reasons = (hit?.reasons ?? []) + (looksLikeIt ? [.looksLikeIt] : [])
        return found
    }

    private func matchByWords(_ id: String) throws -> Answer.Match {
        let indexId = try finder.references.images(of: id).first
        let picture = try indexId.flatMap { try finder.references.imageFacts($0) }
        return Answer.Match(try finder.references.reference(id), score: 0, indexId: indexId, picture: picture)
    }

    /// What a person must know of the answer: why nothing answers, or what the similarities leave out.
    private func note(_ matches: [Answer.Match], hasEncoder: Bool, isEnough: Bool, _ unknown: [String]) -> String {
        let looked = areTooMany ? "this pack has too many references to search them by words" : ""
        let noSimilarity =
            hasEncoder
            ? "the text encoder knows none of these words, so similarities would be chance"
            : "this pack has no text encoder that runs here"
        if matches.isEmpty {
            let nothing = "no reference has these words in its id, name, labels, namespace or attributes"
            return "\(looked.isEmpty ? nothing : looked), and \(noSimilarity); \(TextSearcher.advice)"
        }
        if !isEnough { return "found by words alone: \(noSimilarity)" }
        if matches.allSatisfy({ $0.band == "weak" && $0.reasons.first?.foundIn == .similarity }) {
            let nothing = looked.isEmpty ? "no reference has these words" : looked
            return "\(nothing), and every similarity is weak; \(TextSearcher.advice)"
        }
        if unknown.isEmpty { return looked }
        let some = unknown.prefix(TextSearcher.mostNamed).map { "\"\($0)\"" }.joined(separator: ", ")
        let more = unknown.count > TextSearcher.mostNamed ? ", ..." : ""
        return "the text encoder does not know \(some)\(more); similarities are those of the other words"
    }
}
