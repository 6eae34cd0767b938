import Foundation

/// An index of a pack's own words: ids, names, labels, namespaces and attributes. As `search/words/word_index.py`.
///
/// The order has no weights. What counts first comes first: an exact id or name, how much the found words tell (the logarithm of
/// how rare they are), how they were found, where, and how much of the name they are.
final class WordIndex {
    /// A reference that has words of a text.
    struct Hit {
        let referenceId: String
        /// The number of references that stand as well or better.
        let rank: Int
        let isExact: Bool
        let reasons: [TextReason]
    }

    /// How a word of a reference agrees with a typed word, best first.
    private enum Manner: Int {
        case whole, doubled, prefix, slip, repeated, oneError, twoErrors
    }

    private struct Entry {
        let reference: Int
        let field: Int
    }

    private struct Field: Hashable {
        let foundIn: TextReason.Place
        let key: String
    }

    /// How one typed word agrees with a reference.
    private struct Found {
        let untold: Double
        let manner: Manner
        let place: Int
        let field: Int
        let typed: String
        let meant: String

        func isBetter(than other: Found) -> Bool {
            let (ours, theirs) = ([manner.rawValue, place, field], [other.manner.rawValue, other.place, other.field])
            if untold != other.untold { return untold < other.untold }
            if ours != theirs { return ours.lexicographicallyPrecedes(theirs) }
            if typed != other.typed { return ExactText(typed) < ExactText(other.typed) }
            return ExactText(meant) < ExactText(other.meant)
        }
    }

    private static let mostWords = 64
    private static let mostJoined = 64
    private static let leastPrefix = 2
    private static let leastKnownPrefix = 4
    private static let mostPrefixed = 1000
    private static let mostFields = 65536 // kinds of labels and attributes; further ones share the last number
    /// The order in which fields count.
    private static let standing: [TextReason.Place] = [.name, .id, .label, .namespace, .attribute]
    private static let (name, id, namespace) = (0, 1, 2)

    private var fields = [Field(foundIn: .name, key: ""), Field(foundIn: .id, key: ""), Field(foundIn: .namespace, key: "")]
    private var numbers: [Field: Int] = [:]
    private var ids: [String] = []
    private var nameLengths: [Int] = []
    // Each reference with the field: by joined id and name, and by word.
    private var named: [String: [Entry]] = [:]
    private var having: [String: [Entry]] = [:]
    private var vocabulary: [String] = []
    private lazy var similar = SimilarWords(vocabulary.filter { $0.unicodeScalars.count <= WordIndex.mostJoined })

    /// Indexes references, in the order of their ids.
    init(_ references: [Reference]) {
        for reference in references { add(reference) }
        vocabulary = Set(named.keys).union(having.keys).map(ExactText.init).sorted().map(\.text)
    }

    /// The references that have words of a text, best first. `among` are the ids that can be found; nil for all.
    func find(_ text: String, most: Int, among: Set<ExactText>? = nil) -> [Hit] {
        let plain = Folding.folded(text.first(Folding.mostCharacters))
        var exact: [Int: Int] = [:] // the field of each reference; an id comes before a name
        for entry in (named[Folding.joined(plain)] ?? []).reversed() { exact[entry.reference] = entry.field }
        let found = evidence(plain)
        let candidates = Set(exact.keys).union(found.keys).filter { among?.contains(ExactText(ids[$0])) ?? true }
        let standings = Dictionary(uniqueKeysWithValues: candidates.map { at in
            (at, WordIndex.standing(exact[at], WordIndex.inOrder(found[at])))
        })
        let sorted = standings.values.sorted { $0.lexicographicallyPrecedes($1) }
        let ranks = Dictionary(sorted.enumerated().map { ($1, $0 + 1) }, uniquingKeysWith: max)
        let order = candidates.sorted { one, other in
            guard let ours = standings[one], let theirs = standings[other], ours == theirs else {
                return (standings[one] ?? []).lexicographicallyPrecedes(standings[other] ?? [])
            }
            if nameLengths[one] != nameLengths[other] { return nameLengths[one] < nameLengths[other] }
            return ExactText(ids[one]) < ExactText(ids[other])
        }
        return order.prefix(most).map { at in
            Hit(
                referenceId: ids[at], rank: standings[at].flatMap { ranks[$0] } ?? 0, isExact: exact[at] != nil,
                reasons: reasons(exact[at], WordIndex.inOrder(found[at])))
        }
    }

    private func add(_ reference: Reference) {
        let at = ids.count
        ids.append(reference.id)
        let (name, id) = (Folding.folded(reference.name), Folding.folded(reference.id))
        nameLengths.append(name.unicodeScalars.count)
        if id != name { addNamed(at, WordIndex.id, id) }
        addNamed(at, WordIndex.name, name)
        addWords(at, WordIndex.namespace, Folding.folded(reference.namespace))
        for label in reference.labels { addValue(at, .label, label) }
        for attribute in reference.attributes { addValue(at, .attribute, attribute) }
    }

    private func addNamed(_ at: Int, _ field: Int, _ plain: String) {
        named[Folding.joined(plain), default: []].append(Entry(reference: at, field: field))
        addWords(at, field, plain)
    }

    private func addValue(_ at: Int, _ foundIn: TextReason.Place, _ value: Reference.Label) {
        let field = Field(foundIn: foundIn, key: value.key)
        if numbers[field] == nil {
            numbers[field] = min(fields.count, WordIndex.mostFields - 1)
            if fields.count < WordIndex.mostFields { fields.append(field) }
        }
        addWords(at, numbers[field] ?? 0, Folding.folded(value.value.first(Folding.mostCharacters)))
    }

    private func addWords(_ at: Int, _ field: Int, _ plain: String) {
        for word in Folding.distinctWords(plain) { having[word, default: []].append(Entry(reference: at, field: field)) }
    }

    /// For each reference its best evidence for each word of the text.
    private func evidence(_ plain: String) -> [Int: [Int: Found]] {
        var found: [Int: [Int: Found]] = [:]
        for (typed, words) in WordIndex.typedWords(plain) {
            let isWhole = words.count > 1
            var told: Set<Int> = []
            for (manner, meant) in self.meant(typed, isWhole) {
                let entries = meant.flatMap { word in self.entries(word, isWhole).map { (word, $0) } }
                told.formUnion(entries.map(\.1.reference))
                let untold = -log(Double(ids.count + 1) / Double(max(1, told.count)))
                for (word, entry) in entries {
                    let place = WordIndex.standing.firstIndex(of: fields[entry.field].foundIn) ?? 0
                    let each = Found(
                        untold: untold, manner: manner, place: place, field: entry.field, typed: typed, meant: word)
                    for number in words {
                        if let before = found[entry.reference]?[number], !each.isBetter(than: before) { continue }
                        found[entry.reference, default: [:]][number] = each
                    }
                }
            }
        }
        return found
    }

    private func entries(_ word: String, _ isWhole: Bool) -> [Entry] {
        (named[word] ?? []) + (isWhole ? [] : having[word] ?? [])
    }

    /// The words that a typed word may stand for, by manner, the best first.
    private func meant(_ typed: String, _ isWhole: Bool) -> [(Manner, [String])] {
        let isKnown = named[typed] != nil || (!isWhole && having[typed] != nil)
        var meant: [Manner: [String]] = [:]
        if !isKnown || isWhole {
            for (word, errors) in similar.near(typed) {
                meant[errors == 1 ? WordIndex.mannerOfOne(typed, word) : .twoErrors, default: []].append(word)
            }
        }
        if isKnown { meant[.whole] = [typed] }
        if typed.unicodeScalars.count >= (isKnown ? WordIndex.leastKnownPrefix : WordIndex.leastPrefix) {
            meant[.prefix] = beginning(typed)
        }
        return meant.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key, $0.value) }
    }

    private func beginning(_ typed: String) -> [String] {
        let wanted = ExactText(typed)
        var (low, high) = (0, vocabulary.count)
        while low < high {
            let middle = (low + high) / 2
            if ExactText(vocabulary[middle]) < wanted { low = middle + 1 } else { high = middle }
        }
        let words = vocabulary[low...].prefix(WordIndex.mostPrefixed).prefix { $0.utf8.starts(with: typed.utf8) }
        return words.filter { ExactText($0) != wanted }
    }

    private func reasons(_ exactField: Int?, _ evidence: [Found]) -> [TextReason] {
        var order = exactField.map { [$0] } ?? []
        var corrected: [Int: [TextReason.Correction]] = [:]
        for each in evidence {
            if !order.contains(each.field) { order.append(each.field) }
            let isMisspelt = each.manner != .whole && each.manner != .prefix
            if isMisspelt, corrected[each.field]?.contains(where: { $0.typed == each.typed }) != true {
                corrected[each.field, default: []].append(.init(typed: each.typed, meant: each.meant))
            }
        }
        return order.map { field in
            TextReason(
                foundIn: fields[field].foundIn, key: fields[field].key, isExact: field == exactField,
                corrected: corrected[field] ?? [])
        }
    }

    private static func inOrder(_ found: [Int: Found]?) -> [Found] {
        (found ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }

    /// The sort key of a reference: smaller is better.
    private static func standing(_ exactField: Int?, _ evidence: [Found]) -> [Double] {
        let untold = evidence.reduce(0) { $0 + $1.untold }
        return [
            exactField == nil ? 1 : 0,
            exactField == name ? 1 : 0, // an id is of one thing, a name may be of several
            (untold * 1e9).rounded() / 1e9, // whatever the order of the words
            Double(evidence.reduce(0) { $0 + $1.manner.rawValue }),
            Double(evidence.reduce(0) { $0 + $1.place }),
        ]
    }

    private static func mannerOfOne(_ typed: String, _ word: String) -> Manner {
        let (ours, theirs) = (Array(typed.unicodeScalars), Array(word.unicodeScalars))
        if SimilarWords.isDoubling(ours, theirs) { return ours.count < theirs.count ? .doubled : .repeated }
        return SimilarWords.isSlip(ours, theirs) ? .slip : .oneError
    }

    /// The words of a folded text, and its parts and itself as one word, each with the numbers of its words.
    private static func typedWords(_ plain: String) -> [(String, [Int])] {
        let parts = Folding.parts(plain)
        let words = parts.flatMap(Folding.words)
        let distinct = Folding.distinct(words)
        let telling = distinct.filter { !Folding.fillers.contains($0) }
        let single = Array((telling.isEmpty ? distinct : telling).prefix(mostWords))
        let numbers = Dictionary(uniqueKeysWithValues: single.enumerated().map { ($1, $0) })
        var typed = single.enumerated().map { ($1, [$0]) }
        let wholes = parts.map { (Folding.joined($0), Folding.words($0)) } + [(Folding.joined(plain), words)]
        for (whole, ofWhole) in wholes {
            let known = ofWhole.compactMap { numbers[$0] }.reduce(into: [Int]()) { if !$0.contains($1) { $0.append($1) } }
            let isShort = whole.unicodeScalars.count <= mostJoined
            if ofWhole.count > 1, !known.isEmpty, isShort, !typed.contains(where: { $0.0 == whole }) {
                typed.append((whole, known))
            }
        }
        return typed
    }
}
