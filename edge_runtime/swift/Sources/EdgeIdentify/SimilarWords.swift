/// Words that differ from a typed one by a typing error: a letter too many, too few, another one, or two swapped.
struct SimilarWords {
    typealias Letters = [Unicode.Scalar]

    private static let pairsPerError = 3 // swapping two neighbours changes three pairs of letters
    private static let lettersOfOne = 4
    private static let lettersOfTwo = 8

    private var words: [(text: String, letters: Letters)] = []
    private var having: [UInt64: [Int]] = [:]

    init(_ vocabulary: [String]) {
        for text in vocabulary {
            let letters = Array(text.unicodeScalars)
            guard letters.count >= SimilarWords.lettersOfOne else { continue }
            for pair in SimilarWords.pairs(letters) { having[pair, default: []].append(words.count) }
            words.append((text, letters))
        }
    }

    /// The words that a typed word may stand for, with their number of errors.
    func near(_ typed: String) -> [(word: String, errors: Int)] {
        let letters = Array(typed.unicodeScalars)
        let wanted = SimilarWords.pairs(letters)
        var shared: [Int: Int] = [:]
        for pair in wanted { for at in having[pair] ?? [] { shared[at, default: 0] += 1 } }
        return shared.compactMap { at, count in
            let word = words[at]
            let most = word.letters.count >= SimilarWords.lettersOfTwo ? 2 : 1
            guard count >= wanted.count - SimilarWords.pairsPerError * most else { return nil }
            let errors = SimilarWords.distance(letters, word.letters, most)
            return errors > 0 && errors <= most ? (word.text, errors) : nil
        }
    }

    /// The least number of typing errors (optimal string alignment); `most + 1` if there are more.
    static func distance(_ typed: Letters, _ word: Letters, _ most: Int) -> Int {
        if abs(typed.count - word.count) > most { return most + 1 }
        var (earlier, before): ([Int], [Int]) = ([], [])
        var row = Array(0...word.count)
        for at in 0..<typed.count {
            (earlier, before) = (before, row)
            row = [at + 1]
            for column in 0..<word.count {
                let isOther = typed[at] == word[column] ? 0 : 1
                var least = min(before[column + 1] + 1, row[column] + 1, before[column] + isOther)
                if at > 0, column > 0, typed[at] == word[column - 1], typed[at - 1] == word[column] {
                    least = min(least, earlier[column - 1] + 1)
                }
                row.append(least)
            }
        }
        return min(row[word.count], most + 1)
    }

    /// Whether, in a word with one error, a letter is left out or two are swapped, not a wrong or further one.
    static func isSlip(_ typed: Letters, _ word: Letters) -> Bool {
        typed.count < word.count || (typed.count == word.count && typed.sorted() == word.sorted())
    }

    /// Whether one only has a letter twice where the other has it once.
    static func isDoubling(_ one: Letters, _ other: Letters) -> Bool {
        let (shorter, longer) = one.count < other.count ? (one, other) : (other, one)
        guard longer.count == shorter.count + 1 else { return false }
        let at = zip(shorter, longer).prefix { $0 == $1 }.count
        return at > 0 && longer[at] == longer[at - 1] && longer[(at + 1)...].elementsEqual(shorter[at...])
    }

    private static func pairs(_ letters: Letters) -> Set<UInt64> {
        let framed = [" "] + letters + [" "]
        return Set(zip(framed, framed.dropFirst()).map { UInt64($0.value) << 32 | UInt64($1.value) })
    }
}
