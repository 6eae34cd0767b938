import Foundation

/// Evidence beside similarity: agreeing points, and the photo's position. FORMAT.md has the formulas.
enum Evidence {
    /// The number of references that a position re-ranks.
    static let placeCandidates = 200
    private static let wrong = 0.1 // probability that a position is unrelated to the place of the photo
    private static let elsewhere = 1e-8
    // For packs that were built before points were calibrated.
    private static let exponent = 4.0
    private static let ofLookAlikes = 24.0
    private static let weight = 2.0

    /// A decision, and the new order of the references.
    struct Ranked {
        let decision: Decision
        let order: [Int]
    }

    /// Decides again with the agreeing points of each first reference (0 if it was not compared); nil if nothing can be ranked.
    static func withPoints(_ before: Decision, _ points: [Int], _ calibration: Calibration) -> Ranked? {
        let rule = calibration.points
        let counts: [Double] = before.confidences.indices.map { at in
            log1p(Double(at < points.count ? points[at] : 0))
        }
        let shareExponent: Double = rule?.shareExponent ?? 1
        let pointsExponent: Double = rule?.pointsExponent ?? exponent
        let logs: [Double] = counts.indices.map { at in
            let share: Double = before.uncorrected[at]
            return share <= 0 ? -Double.infinity : shareExponent * log(share) + pointsExponent * counts[at]
        }
        guard let most = logs.max(), most > -Double.infinity else { return nil }
        let weights = logs.map { exp($0 - most) }
        let order = falling(weights)
        let shares = ordered(weights, order)
        let first = counts[order[0]]
        guard let rule else {
            let gain = weight * log(max(1, expm1(first) / ofLookAlikes))
            return Ranked(decision: .conclude(before.evidence + gain, shares, calibration.thresholds), order: order)
        }
        let second: Double = order.dropFirst().map { counts[$0] }.max() ?? 0
        let ofSimilarity: Double = rule.intercept + rule.evidenceWeight * before.evidence
        let evidence: Double = ofSimilarity + rule.countWeight * first + rule.leadWeight * max(0, first - second)
        return Ranked(decision: .conclude(evidence, shares, rule.thresholds), order: order)
    }

    /// The mean nearness of all references that have coordinates.
    static func meanNearness<Places: Collection<Coordinates>>(_ position: Position, _ located: Places) -> Double {
        located.reduce(0) { $0 + nearness(position, $1) } / Double(max(1, located.count))
    }

    /// How much likelier a position is for a reference than for any; 1 says nothing.
    static func placeScore(_ position: Position, _ place: Coordinates?, crowd: Double) -> Double {
        guard let place else { return 1 }
        let ofPlace: Double = nearness(position, place) / (crowd + elsewhere)
        return (1 - wrong) * ofPlace + wrong
    }

    /// Whether place scores tell any reference from another.
    static func distinguishes(_ placeScores: [Double]) -> Bool {
        guard let most = placeScores.max(), let least = placeScores.min() else { return false }
        return most > least * (1 + 1e-9)
    }

    /// The log-odds that a position adds to the evidence.
    static func placeGain(_ scores: [Double], _ placeScores: [Double], _ calibration: Calibration) -> Double {
        distinguishes(placeScores) ? log(weights(scores, placeScores, calibration).reduce(0, +)) : 0
    }

    /// Decides from the candidates' scores, best first, and their place scores.
    static func withPlace(
        _ scores: [Double], _ placeScores: [Double], crowd: [Double], mostGain: Double, _ calibration: Calibration
    ) -> Ranked {
        let weights = weights(scores, placeScores, calibration)
        let order = falling(weights)
        let evidence = calibration.evidence(crowd) + min(log(weights.reduce(0, +)), mostGain)
        return Ranked(decision: .conclude(evidence, ordered(weights, order), calibration.thresholds), order: order)
    }

    /// The places of numbers, the largest first; of equal ones, the first.
    static func falling(_ numbers: [Double]) -> [Int] {
        numbers.indices.sorted { numbers[$0] > numbers[$1] || (numbers[$0] == numbers[$1] && $0 < $1) }
    }

    private static func nearness(_ position: Position, _ place: Coordinates) -> Double {
        let distance: Double = position.coordinates.distanceM(to: place)
        let scales: Double = distance / position.scaleM
        return distance > position.reachM ? 0 : pow(1 + scales * scales, -1.5)
    }

    private static func weights(_ scores: [Double], _ placeScores: [Double], _ calibration: Calibration) -> [Double] {
        zip(calibration.shares(scores, scores.count), placeScores).map { $0 * $1 }
    }

    private static func ordered(_ weights: [Double], _ order: [Int]) -> [Double] {
        let together = weights.reduce(0, +)
        return order.map { weights[$0] / together }
    }
}
