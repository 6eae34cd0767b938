import Foundation

/// Which references can be found. A name that the pack does not have is an error, not an empty answer.
public struct Filters: Sendable {
    /// In one of these; all if it is empty.
    public var namespaces: [String]
    /// For each kind of label, its permitted values.
    public var labels: [String: [String]]

    private static let mostNamed = 5 // names in an error: one line
    private static let mostErrors = 4

    public init(namespaces: [String] = [], labels: [String: [String]] = [:]) {
        self.namespaces = namespaces
        self.labels = labels
    }

    var areNone: Bool { namespaces.isEmpty && labels.isEmpty }

    /// The filters with every name as the pack spells it.
    func asStored(_ references: ReferenceTable) throws -> Filters {
        var found = Filters()
        for name in namespaces { found.namespaces += try Filters.known(as: name, references.namespaces(), "namespace") }
        for (given, values) in labels {
            for kind in try Filters.known(as: given, references.labelKinds(), "kind of label") {
                let stored = try references.labelValues(kind)
                found.labels[kind, default: []] += try values.flatMap {
                    try Filters.known(as: $0, stored, "label of kind \"\(kind)\"")
                }
            }
        }
        return found
    }

    /// The index ids of all images whose references pass, at least one.
    func passingIndexIds(_ references: ReferenceTable) throws -> Set<Int> {
        let passing = try references.indexIds(asStored(references))
        guard !passing.isEmpty else {
            throw EdgeIdentifyError.setup("no reference passes all filters \(namespaces) \(labels); leave one out")
        }
        return passing
    }

    /// The known names that differ from a name at most in their Unicode form, which Swift's equality ignores.
    private static func known(as name: String, _ known: [String], _ what: String) throws -> [String] {
        let found = known.filter { $0 == name }
        if !found.isEmpty { return found }
        let near = known.filter { each in
            SimilarWords.distance(plain(name), plain(each), mostErrors) <= mostErrors
        }
        let shown = (near.isEmpty ? known : near).prefix(mostNamed).joined(separator: ", ")
        let advice = near.isEmpty ? "it has \(shown.isEmpty ? "none" : shown)" : "the nearest are \(shown)"
        throw EdgeIdentifyError.setup("the pack has no \(what) \"\(name)\"; \(advice)")
    }

    private static func plain(_ text: String) -> [Unicode.Scalar] {
        let signs = text.decomposedStringWithCompatibilityMapping.unicodeScalars
        let letters = signs.filter { $0.properties.generalCategory != .nonspacingMark }
        let folded = String(String.UnicodeScalarView(letters)).uppercased().lowercased()
        let words = folded.split { $0.isWhitespace || $0 == "-" || $0 == "_" }
        return Array(words.joined(separator: " ").unicodeScalars)
    }
}
