import Foundation

/// Cleaning of a text before it is tokenised: ftfy's repairs without those of wrong encodings, HTML unescaped twice.
///
/// Nobody types mojibake into a search field, so the table of wrong encodings stays out.
enum TextCleaning {
    private static let named = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{a0}", "copy": "©", "reg": "®", "deg": "°",
    ]
    /// What ftfy replaces: ligatures, and characters of full or half width.
    private static let compatible: [ClosedRange<UInt32>] = [
        0x132...0x133, 0x149...0x149, 0x1c4...0x1cc, 0x1f1...0x1f3, 0xfb00...0xfb06, 0xff01...0xffef, 0x3000...0x3000,
    ]
    private static let controls: [ClosedRange<UInt32>] = [
        0...8, 0xb...0xb, 0xe...0x1f, 0x7f...0x7f, 0x206a...0x206f, 0xfeff...0xfeff, 0xfff9...0xfffc,
    ]

    /// A text cleaned as the manifest says: `lower`, `whitespace` or `canonicalize`.
    static func cleaned(_ text: String, _ cleaning: String) -> String {
        var found = unescaped(unescaped(repaired(text.first(Folding.mostCharacters))))
        if cleaning == "canonicalize" {
            let signs = found.unicodeScalars.map { $0 == "_" ? " " : $0 }.filter { !isPunctuation($0) }
            found = String(String.UnicodeScalarView(signs)).lowercased()
        }
        let joined = Folding.parts(found).joined(separator: " ")
        return cleaning == "lower" ? joined.lowercased() : joined
    }

    private static func repaired(_ text: String) -> String {
        var found = ""
        for sign in text.unicodeScalars {
            if compatible.contains(where: { $0.contains(sign.value) }) {
                found += String(sign).precomposedStringWithCompatibilityMapping
            } else if sign.value == 0x2bc || (0x2018...0x201b).contains(sign.value) {
                found += "'"
            } else if (0x201c...0x201f).contains(sign.value) {
                found += "\""
            } else if !controls.contains(where: { $0.contains(sign.value) }) {
                found.unicodeScalars.append(sign)
            }
        }
        return found.precomposedStringWithCanonicalMapping
    }

    private static func isPunctuation(_ sign: Unicode.Scalar) -> Bool {
        sign.isASCII && sign.value > 32 && sign.value < 127 && !Folding.isLetterOrNumber(sign)
    }

    private static func unescaped(_ text: String) -> String {
        var found = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let start = rest.firstIndex(of: "&") {
            found.append(contentsOf: rest[..<start])
            rest = rest[start...]
            // The longest name that is read has some letters; a long run of them is no entity.
            let name = rest.dropFirst().prefix { $0.isASCII && ($0 == "#" || Folding.isLetterOrNumber($0)) }
            if name.endIndex < rest.endIndex, rest[name.endIndex] == ";", let meaning = meaning(String(name)) {
                found.append(contentsOf: meaning.unicodeScalars)
                rest = rest[rest.index(after: name.endIndex)...]
            } else {
                found.append("&")
                rest = rest.dropFirst()
            }
        }
        found.append(contentsOf: rest)
        return String(found)
    }

    /// What an entity stands for; nil if it is none.
    private static func meaning(_ name: String) -> String? {
        guard name.hasPrefix("#") else { return named[name] }
        let isHexadecimal = name.dropFirst().first.map { $0 == "x" || $0 == "X" } ?? false
        let digits = name.dropFirst(isHexadecimal ? 2 : 1)
        let most = isHexadecimal ? 6 : 7
        guard (1...most).contains(digits.count), let code = UInt32(digits, radix: isHexadecimal ? 16 : 10) else { return nil }
        return code == 0 ? "\u{fffd}" : UnicodeScalar(code).map { String($0) } ?? "\u{fffd}"
    }
}
