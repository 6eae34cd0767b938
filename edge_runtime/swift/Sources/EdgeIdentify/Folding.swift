import Foundation

/// Text as it is compared: without case, accents and separators, split into words. As `search/words/folding.py`.
enum Folding {
    static let mostCharacters = 10_000 // of a text
    /// Words that say nothing about what a text describes.
    static let fillers = Set(
        "a an and from image in is my of on one photo picture small some the this with yesterday".split(separator: " ").map(String.init))

    /// Thai, Lao, Myanmar, Khmer, kana, Chinese characters: scripts that write no spaces.
    private static let unspaced: [ClosedRange<UInt32>] = [
        0x0e00...0x0eff, 0x1000...0x109f, 0x1780...0x17ff, 0x3005...0x3007, 0x3040...0x30ff, 0x3400...0x9fff, 0xf900...0xfaff,
        0x20000...0x3ffff,
    ]
    /// Letters with a stroke or a ligature, which Unicode does not decompose.
    private static let letters: [Unicode.Scalar: String] = [
        "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d",
    ]
    private static let lastClassOfLetters: UInt8 = 9 // marks up to this combining class change the letter

    private enum Kind {
        case unspaced, digit, letter, other
    }

    /// A text without case and accents; composed and decomposed text give the same.
    static func folded(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 < 128 }) { return text.lowercased() }
        var caseless = ""
        for sign in text.decomposedStringWithCompatibilityMapping.unicodeScalars {
            caseless += sign.properties.uppercaseMapping.lowercased() // each alone: no final sigma
        }
        var plain = ""
        for sign in caseless.decomposedStringWithCompatibilityMapping.unicodeScalars where !isAccent(sign) {
            plain += letters[sign] ?? String(sign)
        }
        return plain.precomposedStringWithCanonicalMapping
    }

    /// The words of a folded text, in order, with repeats. A run of a script without spaces gives its pairs.
    static func words(_ plain: String) -> [String] {
        runs(plain).flatMap { run -> [String] in
            guard run.count > 1, kind(run[0]) == .unspaced else { return [text(run)] }
            return (1..<run.count).map { text([run[$0 - 1], run[$0]]) }
        }
    }

    /// The distinct words that a folded text is found by, single characters of scripts without spaces included.
    static func distinctWords(_ plain: String) -> [String] {
        let signs = plain.unicodeScalars.filter { kind($0) == .unspaced }.map { String($0) }
        return distinct(words(plain) + signs)
    }

    /// The distinct words of a text that is not folded, without those that say nothing.
    static func tellingWords(_ text: String) -> [String] {
        let some = text.first(mostCharacters)
        var found = split(some.lowercased()) { sign in
            let kind = kind(sign)
            return kind == .other && sign != "_" && !isLetterOrNumber(sign)
        }
        if found.isEmpty { found = parts(some).prefix(1).map { $0 } }
        return distinct(found).filter { !fillers.contains($0) }
    }

    /// The letters and digits of a folded text without anything between; without any, the text without white space.
    static func joined(_ plain: String) -> String {
        let found = runs(plain).map(text).joined()
        return found.isEmpty ? parts(plain).joined() : found
    }

    /// The parts of a text between white space.
    static func parts(_ text: String) -> [String] {
        split(text, at: isSpace)
    }

    static func isSpace(_ sign: Unicode.Scalar) -> Bool {
        sign.properties.isWhitespace || (0x1c...0x1f).contains(sign.value)
    }

    static func distinct(_ words: [String]) -> [String] {
        var told: Set<ExactText> = []
        return words.filter { told.insert(ExactText($0)).inserted }
    }

    private static func split(_ text: String, at isBetween: (Unicode.Scalar) -> Bool) -> [String] {
        text.unicodeScalars.split(whereSeparator: isBetween).map { String(String.UnicodeScalarView($0)) }
    }

    /// Runs of signs of one kind. Marks are left out, and split no run.
    private static func runs(_ plain: String) -> [[Unicode.Scalar]] {
        var found: [[Unicode.Scalar]] = []
        var before = Kind.other
        for sign in plain.unicodeScalars where !isMark(sign) {
            let now = kind(sign)
            if now != .other {
                if now == before { found[found.count - 1].append(sign) } else { found.append([sign]) }
            }
            before = now
        }
        return found
    }

    private static func kind(_ sign: Unicode.Scalar) -> Kind {
        if unspaced.contains(where: { $0.contains(sign.value) }) { return .unspaced }
        switch sign.properties.generalCategory {
        case .decimalNumber: return .digit
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .letterNumber, .otherNumber:
            return .letter
        default: return .other
        }
    }

    static func isLetterOrNumber(_ sign: Unicode.Scalar) -> Bool {
        isLetter(sign) || isNumber(sign)
    }

    static func isLetter(_ sign: Unicode.Scalar) -> Bool {
        switch sign.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
        default: return false
        }
    }

    static func isNumber(_ sign: Unicode.Scalar) -> Bool {
        switch sign.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: return true
        default: return false
        }
    }

    private static func isMark(_ sign: Unicode.Scalar) -> Bool {
        switch sign.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: return true
        default: return false
        }
    }

    private static func isAccent(_ sign: Unicode.Scalar) -> Bool {
        isMark(sign) && sign.properties.canonicalCombiningClass.rawValue > lastClassOfLetters
    }

    private static func text(_ signs: [Unicode.Scalar]) -> String {
        var found = String.UnicodeScalarView()
        found.append(contentsOf: signs)
        return String(found)
    }
}
