/// CLIP's byte-pair encoding, from the merges in a pack to token ids. FORMAT.md ("clip-bpe") has the steps.
struct ClipTokenizer {
    private static let start = "<start_of_text>"
    private static let end = "<end_of_text>"
    private static let endOfWord = "</w>"
    private static let maxMergesBytes = 16 << 20
    private static let contractions = ["s", "t", "re", "ve", "m", "ll", "d"]

    private struct Pair: Hashable {
        let one: ExactText
        let other: ExactText
    }

    private let spec: Manifest.TokenizerSpec
    private let characters: [String]
    private var ranks: [Pair: Int] = [:]
    private var ids: [ExactText: Int] = [:]

    /// Reads the merges: UTF-8, in order of rank, one pair a line.
    init(_ data: [UInt8], _ spec: Manifest.TokenizerSpec) throws {
        self.spec = spec
        guard data.count <= ClipTokenizer.maxMergesBytes else {
            throw EdgeIdentifyError.format("\(spec.file): \(data.count) bytes, more than the limit of \(ClipTokenizer.maxMergesBytes)")
        }
        characters = ClipTokenizer.byteCharacters()
        let printable = (0..<256).filter(ClipTokenizer.isPrintable)
        let inOrder = (printable + (0..<256).filter { !ClipTokenizer.isPrintable($0) }).map { characters[$0] }
        var tokens = inOrder + inOrder.map { $0 + ClipTokenizer.endOfWord }
        for line in data.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            let texts = parts.compactMap { Utf8.decoded(Array($0)) }
            guard parts.count == 2, texts.count == 2 else {
                throw EdgeIdentifyError.damaged(spec.file, "is not a list of merges")
            }
            let pair = Pair(one: ExactText(texts[0]), other: ExactText(texts[1]))
            if ranks[pair] == nil { ranks[pair] = ranks.count }
            tokens.append(texts[0] + texts[1])
        }
        for (id, token) in (tokens + [ClipTokenizer.start, ClipTokenizer.end]).enumerated() { ids[ExactText(token)] = id }
    }

    /// As many token ids as the context has; unused places are 0. A text that is cut ends with the end mark.
    func encode(_ text: String) -> [Int64] {
        let pieces = ClipTokenizer.pieces(TextCleaning.cleaned(text, spec.cleaning))
        let inside = pieces.flatMap { piece -> [Int64] in
            piece == ClipTokenizer.start || piece == ClipTokenizer.end ? [id(piece)] : merged(piece).map(id)
        }
        var found = Array(([id(ClipTokenizer.start)] + inside + [endToken]).prefix(spec.contextLength))
        found[found.count - 1] = endToken
        return found + [Int64](repeating: 0, count: spec.contextLength - found.count)
    }

    var endToken: Int64 { id(ClipTokenizer.end) }

    /// The id of the token for a byte within a word.
    func id(ofByte byte: Int) -> Int64 {
        id(characters[byte])
    }

    private func id(_ token: String) -> Int64 {
        Int64(ids[ExactText(token)] ?? 0)
    }

    private func merged(_ piece: String) -> [String] {
        var parts = piece.utf8.map { characters[Int($0)] }
        parts[parts.count - 1] += ClipTokenizer.endOfWord
        while true {
            let pairs = zip(parts, parts.dropFirst()).map { Pair(one: ExactText($0), other: ExactText($1)) }
            guard let best = pairs.filter({ ranks[$0] != nil }).min(by: { ranks[$0]! < ranks[$1]! }) else { return parts }
            parts = ClipTokenizer.joinedPairs(parts, best)
        }
    }

    private static func joinedPairs(_ parts: [String], _ pair: Pair) -> [String] {
        var found: [String] = []
        var at = 0
        while at < parts.count {
            let isPair = at + 1 < parts.count && ExactText(parts[at]) == pair.one && ExactText(parts[at + 1]) == pair.other
            found.append(isPair ? parts[at] + parts[at + 1] : parts[at])
            at += isPair ? 2 : 1
        }
        return found
    }

    /// The pieces of a cleaned text: marks, contractions, runs of letters, single digits, runs of other signs.
    private static func pieces(_ text: String) -> [String] {
        var found: [String] = []
        var rest = text.unicodeScalars[...]
        while let sign = rest.first {
            let length = pieceLength(rest)
            if !Folding.isSpace(sign) { found.append(String(String.UnicodeScalarView(rest.prefix(length)))) }
            rest = rest.dropFirst(length)
        }
        return found
    }

    private static func pieceLength(_ rest: Substring.UnicodeScalarView) -> Int {
        for mark in [start, end] where rest.starts(with: mark.unicodeScalars) { return mark.unicodeScalars.count }
        guard let sign = rest.first, !Folding.isSpace(sign) else { return 1 }
        if sign == "'" {
            let after = String(String.UnicodeScalarView(rest.dropFirst().prefix(2).map { $0.isASCII ? $0 : " " })).lowercased()
            if let found = contractions.first(where: after.hasPrefix) { return 1 + found.count }
        }
        if Folding.isNumber(sign) { return 1 }
        if Folding.isLetter(sign) { return rest.prefix(while: Folding.isLetter).count }
        return rest.prefix { !Folding.isSpace($0) && !Folding.isLetterOrNumber($0) }.count
    }

    /// The printable character of each byte.
    private static func byteCharacters() -> [String] {
        var others: UInt32 = 256
        return (0..<256).map { byte in
            if isPrintable(byte) { return String(UnicodeScalar(UInt8(byte))) }
            others += 1
            return UnicodeScalar(others - 1).map { String($0) } ?? ""
        }
    }

    private static func isPrintable(_ byte: Int) -> Bool {
        (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
    }
}
