/// Which words of a text a pack's text tower knows: a word is unknown if one of its tokens means the same as a token that no text
/// contains. Otherwise its nearest picture would be chance.
final class KnownWords {
    private static let mostWords = 32
    private static let equal = 0.9999 // least cosine of equal embeddings, whatever the batch
    private static let neverInUtf8 = [0xfe, 0xff]

    private let encoder: TextEncoder
    private let tokenizer: ClipTokenizer
    private var areAllKnown: Bool?

    init(_ encoder: TextEncoder, _ tokenizer: ClipTokenizer) {
        self.encoder = encoder
        self.tokenizer = tokenizer
    }

    /// The words that are unknown; those after the 32nd are not looked at.
    func unknown(_ words: [String]) throws -> [String] {
        let asked = words.prefix(KnownWords.mostWords)
        if asked.isEmpty { return [] }
        if try areAll() { return [] }
        let tokens = Set(asked.flatMap(self.tokens(of:))).sorted()
        let strange = try equalToLast(tokens + [tokenizer.id(ofByte: KnownWords.neverInUtf8[0])])
        return asked.filter { self.tokens(of: $0).contains(where: strange.contains) }
    }

    /// Whether every word means something to the tower.
    private func areAll() throws -> Bool {
        if let areAllKnown { return areAllKnown }
        let found = try equalToLast(KnownWords.neverInUtf8.map(tokenizer.id(ofByte:))).isEmpty
        areAllKnown = found
        return found
    }

    private func tokens(of word: String) -> [Int64] {
        tokenizer.encode(word).dropFirst().prefix { $0 != tokenizer.endToken }.map { $0 }
    }

    /// The tokens that mean the same as the last one.
    private func equalToLast(_ tokens: [Int64]) throws -> Set<Int64> {
        let rows = tokens.map { token -> [Int64] in
            var row = tokenizer.encode("x")
            row[1] = token
            return row
        }
        let embeddings = try encoder.embed(rows)
        guard embeddings.count == tokens.count, let last = embeddings.last else { return [] }
        let same = zip(tokens, embeddings).dropLast().filter { _, embedding in
            zip(embedding, last).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } >= KnownWords.equal
        }
        return Set(same.map(\.0))
    }
}
