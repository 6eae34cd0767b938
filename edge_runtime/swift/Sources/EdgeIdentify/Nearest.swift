/// A reference with the image of it that is nearest to a photo.
struct Nearest {
    /// The nearest references of each of several photos that are compared.
    static let depth = 200

    let referenceId: String
    let score: Double
    let indexId: Int

    private static func isBetter(_ one: Nearest, _ other: Nearest) -> Bool {
        one.score > other.score || (one.score == other.score && one.indexId < other.indexId)
    }

    /// The references of several photos of one thing, best first, each with the image nearest to any photo. A reference's score is
    /// its mean over the photos.
    static func fused(_ photos: [[Nearest]]) -> [Nearest] {
        let best = mean(photos.map { Array($0.prefix(depth)) })
        if photos.allSatisfy({ $0.count <= depth }) { return best }
        let told = Set(best.map { ExactText($0.referenceId) })
        return best + mean(photos).filter { !told.contains(ExactText($0.referenceId)) }
    }

    private static func mean(_ photos: [[Nearest]]) -> [Nearest] {
        let scores = photos.map { found in
            Dictionary(found.map { (ExactText($0.referenceId), $0.score) }, uniquingKeysWith: { first, _ in first })
        }
        // A missing reference scored at most as much as the lowest that was found.
        let least = photos.map { $0.map(\.score).min() ?? 0 }
        var told: Set<ExactText> = []
        let pictures = photos.flatMap { $0 }.sorted(by: isBetter).filter { told.insert(ExactText($0.referenceId)).inserted }
        let ranked = pictures.map { each -> Nearest in
            let id = ExactText(each.referenceId)
            let sum: Double = photos.indices.map { scores[$0][id] ?? least[$0] }.reduce(0, +)
            return Nearest(referenceId: each.referenceId, score: sum / Double(photos.count), indexId: each.indexId)
        }
        return ranked.sorted(by: isBetter)
    }
}
