import Foundation

/// What a photo shows, as far as its scores tell (FORMAT.md, "Decisions").
public struct Decision: Sendable {
    public enum Word: String, Sendable, CaseIterable {
        case identified, probably, ambiguous, unknown
    }

    public let word: Word
    /// Log-odds that the photo shows something in the pack.
    public let evidence: Double
    /// The same as a probability, corrected.
    public let knownProbability: Double
    /// The probability of each reference.
    public let confidences: [Double]
    /// Ambiguous: the number of first references that the photo may show; otherwise 0.
    public let lookAlikeCount: Int
    /// The confidences before their correction.
    let uncorrected: [Double]

    private static let lookAlikesShare = 0.9
    private static let mostConfidence = 1 - 1e-9

    /// Decides by similarity: `scores` are cosines of distinct references, best first, at least one. `crowd` are the scores behind
    /// the evidence: `scores` themselves where they cover the whole pack.
    static func of(_ scores: [Double], crowd: [Double], _ calibration: Calibration) -> Decision {
        let shares = calibration.shares(scores, calibration.neighbours)
        return conclude(calibration.evidence(crowd), shares, calibration.thresholds)
    }

    /// Decides from log-odds and the shares of the references, best first, which sum to 1.
    static func conclude(_ evidence: Double, _ shares: [Double], _ rule: Calibration.Thresholds) -> Decision {
        let known = sigmoid(evidence)
        let word = word(evidence, known, shares[0], rule)
        let uncorrected = shares.map { known * $0 }
        let (shown, confidences) = rule.correction.map { corrected(known, uncorrected, $0) } ?? (known, uncorrected)
        return Decision(
            word: word, evidence: evidence, knownProbability: shown, confidences: confidences,
            lookAlikeCount: word == .ambiguous ? lookAlikes(shares) : 0, uncorrected: uncorrected)
    }

    /// The decision with further references of confidence 0 behind the others.
    func withOthers(_ count: Int) -> Decision {
        let zeros = [Double](repeating: 0, count: count)
        return Decision(
            word: word, evidence: evidence, knownProbability: knownProbability, confidences: confidences + zeros,
            lookAlikeCount: lookAlikeCount, uncorrected: uncorrected + zeros)
    }

    private static func word(_ evidence: Double, _ known: Double, _ share: Double, _ rule: Calibration.Thresholds) -> Word {
        guard evidence >= rule.accept else { return .unknown }
        guard let certainty = rule.certainty else { return share >= rule.leastShare ? .identified : .ambiguous }
        if known * share >= certainty.identified { return .identified }
        if known * share >= certainty.probably { return .probably }
        return known >= certainty.probably ? .ambiguous : .unknown
    }

    /// Those behind the first share what is left at most.
    private static func corrected(
        _ known: Double, _ confidences: [Double], _ rule: Calibration.Correction
    ) -> (Double, [Double]) {
        let each = confidences.map { corrected($0, rule) }
        let shown = max(each[0], corrected(known, rule))
        let together = each.dropFirst().reduce(0, +)
        let part = together == 0 ? 1 : min(1, (shown - each[0]) / together)
        return (shown, [each[0]] + each.dropFirst().map { $0 * part })
    }

    private static func corrected(_ confidence: Double, _ rule: Calibration.Correction) -> Double {
        if confidence <= 0 { return 0 }
        let inside = min(confidence, mostConfidence)
        return sigmoid(rule.intercept + rule.slope * (log(inside) - log1p(-inside)))
    }

    private static func lookAlikes(_ shares: [Double]) -> Int {
        var (below, together) = (0, 0.0)
        while below < shares.count {
            together += shares[below]
            if together >= lookAlikesShare { break }
            below += 1
        }
        return max(2, min(below + 1, shares.count))
    }

    private static func sigmoid(_ evidence: Double) -> Double {
        if evidence >= 0 { return 1 / (1 + exp(-evidence)) }
        let odds = exp(evidence)
        return odds / (1 + odds)
    }
}
