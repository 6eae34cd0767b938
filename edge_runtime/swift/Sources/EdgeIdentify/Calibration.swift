import Foundation

/// Constants that turn scores into probabilities, measured when the pack was built: `calibration.json`.
struct Calibration {
    private static let maxBytes = 1 << 20
    private static let most = 1e6 // of any coefficient; scores lie within -1 and 1
    private static let mostScore = 1.001

    /// The calibrations of a pack by encoder variant.
    struct File {
        var photos: [String: Calibration] = [:]
        var texts: [String: TextBands] = [:]

        /// Of a pack that is not calibrated.
        init() {}

        init(_ data: [UInt8], path: String) throws {
            let fields = try JsonObject.parse(data, maxBytes: maxBytes, path: path)
            for (name, found) in try fields.byName("variants", { ($0, try Calibration($1)) }) { photos[name] = found }
            if fields.has("texts") {
                for (name, found) in try fields.byName("texts", { ($0, try TextBands($1)) }) { texts[name] = found }
            }
        }
    }

    /// How well a reference fits a text, by its similarity.
    struct TextBands {
        private let strong: Double
        private let fair: Double

        init(_ fields: JsonObject) throws {
            strong = try fields.number("strong", -mostScore...mostScore)
            fair = try fields.number("fair", -mostScore...strong)
        }

        /// `strong`, `fair` or `weak`.
        func band(_ score: Double) -> String {
            score >= strong ? "strong" : score >= fair ? "fair" : "weak"
        }
    }

    /// The least confidences for the two words.
    struct Certainty {
        let identified: Double
        let probably: Double

        init(_ fields: JsonObject) throws {
            identified = try fields.number("identified", 0...1)
            probably = try fields.number("probably", 0...identified)
        }
    }

    /// Corrects confidences by what real photos showed.
    struct Correction {
        let slope: Double
        let intercept: Double

        init(_ fields: JsonObject) throws {
            slope = try fields.number("slope", 0.01...most)
            intercept = try fields.number("intercept", -most...most)
        }
    }

    /// What turns probabilities into a decision.
    struct Thresholds {
        let accept: Double
        let leastShare: Double
        /// Nil in packs of before.
        let certainty: Certainty?
        /// Nil if nothing is corrected.
        let correction: Correction?
    }

    /// What turns agreeing points into probabilities.
    struct OfPoints {
        let shareExponent: Double
        let pointsExponent: Double
        let evidenceWeight: Double
        let countWeight: Double
        let leadWeight: Double
        let intercept: Double
        let thresholds: Thresholds

        init(_ fields: JsonObject, leastShare: Double) throws {
            shareExponent = try fields.number("share_exponent", 0...most)
            pointsExponent = try fields.number("points_exponent", 0...most)
            evidenceWeight = try fields.number("evidence_weight", 0...most)
            countWeight = try fields.number("count_weight", 0...most)
            leadWeight = try fields.number("lead_weight", 0...most)
            intercept = try fields.number("intercept", -most...most)
            thresholds = Thresholds(
                accept: try fields.number("accept", -most...most), leastShare: leastShare,
                certainty: try Certainty(fields.object("certainty")),
                correction: try fields.optionalObject("correction").map { try Correction($0) })
        }
    }

    let neighbours: Int
    let scoreWeight: Double
    let contrastWeight: Double
    let marginWeight: Double
    let intercept: Double
    let temperature: Double
    let thresholds: Thresholds
    /// Nil in packs whose points are not calibrated.
    let points: OfPoints?

    init(_ fields: JsonObject) throws {
        let most = Calibration.most
        neighbours = try fields.whole("neighbours", 2...1000)
        scoreWeight = try fields.number("score_weight", 0...most)
        contrastWeight = try fields.number("contrast_weight", 0...most)
        marginWeight = try fields.number("margin_weight", 0...most)
        intercept = try fields.number("intercept", -most...most)
        temperature = try fields.number("temperature", 1e-4...most)
        let leastShare = try fields.number("least_share", 0.5...0.9)
        thresholds = Thresholds(
            accept: try fields.number("accept", -most...most), leastShare: leastShare,
            certainty: try fields.optionalObject("certainty").map { try Certainty($0) },
            correction: try fields.optionalObject("correction").map { try Correction($0) })
        points = try fields.optionalObject("points").map { try OfPoints($0, leastShare: leastShare) }
    }

    /// The log-odds that a photo with these scores, best first, shows something in the pack.
    func evidence(_ scores: [Double]) -> Double {
        let others = scores.prefix(neighbours).dropFirst()
        let mean = others.isEmpty ? scores[0] : others.reduce(0, +) / Double(others.count)
        let margin = others.isEmpty ? 0 : scores[0] - scores[1]
        return intercept + scoreWeight * scores[0] + contrastWeight * (scores[0] - mean / 2) + marginWeight * margin
    }

    /// The softmax of the first scores; 0 for those beyond `most`.
    func shares(_ scores: [Double], _ most: Int) -> [Double] {
        let weights = scores.enumerated().map { $0 < most ? exp(($1 - scores[0]) / temperature) : 0 }
        let sum = weights.reduce(0, +)
        return weights.map { $0 / sum }
    }
}
