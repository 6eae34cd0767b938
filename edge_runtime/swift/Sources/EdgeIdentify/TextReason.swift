/// Why a reference answers a text: its own words, or its picture's similarity to the text.
public struct TextReason: Sendable, Equatable {
    public enum Place: String, Sendable {
        case name, id, label, namespace, attribute, similarity
    }

    public let foundIn: Place
    /// The kind of label or the name of the attribute; empty for the others.
    public let key: String
    /// Whether the whole id or name equals the whole text, but for case, accents and separators.
    public let isExact: Bool
    /// What is meant, for each word taken for a typing error.
    public let corrected: [Correction]

    public struct Correction: Sendable, Equatable {
        public let typed: String
        public let meant: String
    }

    static let looksLikeIt = TextReason(foundIn: .similarity, key: "", isExact: false, corrected: [])

    /// The reason in words.
    public var inWords: String {
        if foundIn == .similarity { return "looks like the text" }
        let place = (isExact ? "exact " : "") + foundIn.rawValue + (key.isEmpty ? "" : " \(key)")
        let words = corrected.map { "\($0.meant) for \"\($0.typed)\"" }.joined(separator: ", ")
        return words.isEmpty ? place : "\(place) (\(words))"
    }
}
