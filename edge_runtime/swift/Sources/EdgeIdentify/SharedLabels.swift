/// What look-alikes share, and the kind of thing that a photo probably shows where the thing itself is unsure.
enum SharedLabels {
    private static let leastProbability = 0.5

    /// The labels of the first reference that all others have, too.
    static func of(_ references: [Reference]) -> [Reference.Label] {
        (references.first?.labels ?? []).filter { label in references.allSatisfy { $0.labels.contains(label) } }
    }

    /// The namespace of all references; empty if they have several.
    static func namespace(of references: [Reference]) -> String {
        let first = references.first?.namespace ?? ""
        return references.allSatisfy { $0.namespace == first } ? first : ""
    }

    /// The most probable label; nil if none is likelier than not, or all references have it.
    static func likelyKind(_ references: [Reference], _ confidences: [Double]) -> Answer.LikelyKind? {
        let counted = zip(references, confidences).filter { $0.1 > 0 }
        var order: [Reference.Label] = []
        var together: [Reference.Label: (probability: Double, count: Int)] = [:]
        for (reference, confidence) in counted {
            for label in reference.labels {
                if together[label] == nil { order.append(label) }
                let before = together[label] ?? (0, 0)
                together[label] = (before.probability + confidence, before.count + 1)
            }
        }
        var best: Answer.LikelyKind?
        for label in order {
            guard let found = together[label] else { continue }
            let isOfSome = found.count != counted.count // a label of all says nothing
            if isOfSome, found.probability > best?.probability ?? 0 {
                best = Answer.LikelyKind(label: label.key, value: label.value, probability: found.probability)
            }
        }
        guard let best, best.probability >= leastProbability else { return nil }
        return Answer.LikelyKind(label: best.label, value: best.value, probability: min(1, best.probability))
    }
}
