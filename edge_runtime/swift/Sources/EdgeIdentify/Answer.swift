import Foundation

/// The answer of one pack to a photo, to several photos of one thing, or to a text.
public struct Answer: Sendable {
    /// A kind of thing that the photo probably shows.
    public struct LikelyKind: Sendable {
        public let label: String
        public let value: String
        public let probability: Double
    }

    /// What the photo's position says of a reference.
    public struct Place: Sendable {
        /// In metres; nil if the reference has no coordinates.
        public let distanceM: Double?
        /// How much likelier the position is for this reference than for any.
        public let score: Double
        /// The confidence without the position.
        public let visionConfidence: Double
    }

    /// One reference that resembles the photo or the text.
    public struct Match: Sendable {
        public let reference: Reference
        /// Cosine similarity of its nearest picture; 0 where a text was answered by words alone.
        public let score: Double
        /// The probability that the photo shows it; nil for texts and packs that are not calibrated.
        public internal(set) var confidence: Double?
        /// The index's id of that picture.
        public let indexId: Int?
        /// What is known of the picture, to credit it.
        public let picture: PictureFacts?
        /// Nil if no position was used.
        public internal(set) var place: Place?
        /// The number of points that agree; nil if points were not compared.
        public internal(set) var matchedPoints: Int?
        /// Of a text: `strong`, `fair` or `weak`; nil if it was not measured.
        public internal(set) var band: String?
        /// Of a text: why the reference was found.
        public internal(set) var reasons: [TextReason] = []

        init(_ reference: Reference, score: Double, indexId: Int?, picture: PictureFacts?) {
            self.reference = reference
            self.score = score
            self.indexId = indexId
            self.picture = picture
        }
    }

    public let packName: String
    public let packVersion: String
    /// The variant of the encoder; `words` for a text that was answered by words alone.
    public let encoder: String
    /// Nil for a text, and for a pack that is not calibrated.
    public internal(set) var decision: Decision?
    /// Best first.
    public internal(set) var matches: [Match]
    /// Ambiguous: the references that the photo may show; otherwise empty.
    public internal(set) var lookAlikes: [Reference] = []
    /// Nil if the thing is identified, or no kind is likelier than not.
    public internal(set) var likelyKind: LikelyKind?
    public let position: Position?
    public let filters: Filters
    /// Of a text: what a person must know, such as words that the encoder does not know; empty otherwise.
    public internal(set) var note = ""
    /// Of a text: the words that the encoder does not know.
    public internal(set) var unknownWords: [String] = []

    private static let schema = 2

    init(_ manifest: Manifest, encoder: String, decision: Decision?, matches: [Match], position: Position?, filters: Filters) {
        packName = manifest.name
        packVersion = manifest.version
        self.encoder = encoder
        self.decision = decision
        self.matches = matches
        self.position = position
        self.filters = filters
    }

    /// The answer that counts of several packs' answers to one photo: the most certain one, of equal ones the first.
    public static func mostCertain(_ answers: [Answer]) -> Answer? {
        answers.dropFirst().reduce(answers.first) { best, each in
            (best?.certainty ?? []).lexicographicallyPrecedes(each.certainty) ? each : best
        }
    }

    /// The decision in a few words, as on Python's screen.
    public var inWords: String {
        guard let decision else { return "not calibrated, the nearest" }
        switch decision.word {
        case .unknown: return "unknown"
        case .ambiguous: return "ambiguous, one of \(lookAlikes.count) look-alikes"
        case .identified, .probably:
            let percent = Int((100 * (matches.first?.confidence ?? 0)).rounded())
            return "\(decision.word.rawValue), \(percent)%\(decision.word == .probably ? ": check it" : "")"
        }
    }

    /// The answer as the documented JSON object of `edge-identify --jsonl`, without times and the photo's name.
    public var json: String {
        var fields: [(String, Json)] = [
            ("schema", .whole(Answer.schema)),
            ("pack", .fields([("name", .text(packName)), ("version", .text(packVersion))])),
            ("encoder", .text(encoder)),
        ]
        if !note.isEmpty { fields.append(("note", .text(note))) }
        fields += [
            ("decision", (decision?.word.rawValue).json),
            ("known_probability", (decision?.knownProbability).json(4)),
            ("look_alikes", lookAlikes.isEmpty ? .null : lookAlikesAsJson),
        ]
        if let likelyKind {
            fields.append((
                "likely_kind",
                .fields([
                    ("label", .text(likelyKind.label)), ("value", .text(likelyKind.value)),
                    ("probability", Optional(likelyKind.probability).json(4)),
                ])
            ))
        }
        fields += [
            ("position", positionAsJson),
            ("filters", filters.areNone ? .null : filtersAsJson),
            ("matches", .list(matches.enumerated().map { Answer.matchAsJson($1, rank: $0 + 1) })),
        ]
        return Json.fields(fields).written
    }

    private var certainty: [Double] {
        let words = Decision.Word.allCases
        let word = decision.flatMap { words.firstIndex(of: $0.word) }.map { Double(words.count - $0) } ?? 0
        let named = matches.first?.confidence ?? 0
        let known = lookAlikes.isEmpty ? named : decision?.knownProbability ?? named
        return [word, known, matches.first?.score ?? 0]
    }

    private var lookAlikesAsJson: Json {
        .fields([
            ("ids", .list(lookAlikes.map { .text($0.id) })),
            ("namespace", .text(SharedLabels.namespace(of: lookAlikes))),
            ("labels", Answer.labelsAsJson(SharedLabels.of(lookAlikes))),
        ])
    }

    private var positionAsJson: Json {
        guard let position else { return .null }
        return .fields([
            ("lat", .number(position.coordinates.latitude)), ("lng", .number(position.coordinates.longitude)),
            ("accuracy_m", position.accuracyM.map(Json.number) ?? .null), ("source", .text(position.source)),
            ("used", .truth(matches.contains { $0.place != nil })),
        ])
    }

    private var filtersAsJson: Json {
        let labels = filters.labels.sorted { $0.key < $1.key }.map { ($0.key, Json.list($0.value.map(Json.text))) }
        return .fields([("namespaces", .list(filters.namespaces.map(Json.text))), ("labels", .fields(labels))])
    }

    private static func labelsAsJson(_ labels: [Reference.Label]) -> Json {
        .fields(labels.map { ($0.key, .text($0.value)) })
    }

    private static func matchAsJson(_ match: Match, rank: Int) -> Json {
        let of = match.reference
        var fields: [(String, Json)] = [
            ("rank", .whole(rank)), ("id", .text(of.id)), ("name", .text(of.name)), ("score", Optional(match.score).json(6)),
            ("confidence", match.confidence.json(4)), ("band", match.band.json), ("namespace", .text(of.namespace)),
            ("labels", labelsAsJson(of.labels)), ("location", .null), ("url", of.url.json), ("licence", of.licence.json),
            ("attributes", labelsAsJson(of.attributes)), ("place", .null),
            ("matched_points", match.matchedPoints.map(Json.whole) ?? .null),
        ]
        if let latitude = of.latitude, let longitude = of.longitude {
            fields[8].1 = .fields([("lat", .number(latitude)), ("lng", .number(longitude))])
        }
        if let place = match.place {
            let digits = max(0, 4 - Int(log10(max(place.score, 1e-9)).rounded(.down)) - 1)
            fields[12].1 = .fields([
                ("distance_m", place.distanceM.json(1)), ("score", Optional(place.score).json(digits)),
                ("vision_confidence", Optional(place.visionConfidence).json(4)),
            ])
        }
        if !match.reasons.isEmpty {
            fields.append(("why", .list(match.reasons.map(reasonAsJson))))
            fields.append(("why_in_words", .text(match.reasons.map(\.inWords).joined(separator: ", "))))
        }
        if let picture = match.picture {
            fields.append((
                "picture",
                .fields([
                    ("path", picture.path.json), ("type", picture.type.json), ("licence", picture.licence.json),
                    ("provenance", picture.provenance.json),
                ])
            ))
        }
        return .fields(fields)
    }

    private static func reasonAsJson(_ reason: TextReason) -> Json {
        .fields([
            ("found_in", .text(reason.foundIn.rawValue)), ("key", reason.key.isEmpty ? .null : .text(reason.key)),
            ("exact", .truth(reason.isExact)),
            ("corrected", .fields(reason.corrected.map { ($0.typed, .text($0.meant)) })),
        ])
    }
}

extension String? {
    fileprivate var json: Json { map(Json.text) ?? .null }
}

extension Double? {
    /// The number, rounded to some digits.
    fileprivate func json(_ digits: Int) -> Json {
        guard let self else { return .null }
        let scale = pow(10, Double(digits))
        return .number((self * scale).rounded() / scale)
    }
}
