/// Checks of the names in a pack: its name, its version, and the paths of its files. A hostile path could climb.
enum PackNames {
    private static let maxPathCharacters = 200
    private static let lower = Set("abcdefghijklmnopqrstuvwxyz".utf8)
    private static let digits = Set("0123456789".utf8)
    private static let upper = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    private static let hexadecimal = Set("0123456789abcdef".utf8)
    private static let underscore = UInt8(ascii: "_")
    private static let marks = Set("_.-".utf8)

    /// The text, if it is a version such as 1.2.0.
    static func checkedVersion(_ text: String) throws -> String {
        guard numbers(of: text) != nil else {
            throw EdgeIdentifyError.format("\(shown(text)) is not a pack version; write three numbers such as 1.0.0")
        }
        return text
    }

    /// Whether a valid version is older than another one.
    static func isOlder(_ one: String, than other: String) -> Bool {
        (numbers(of: one) ?? []).lexicographicallyPrecedes(numbers(of: other) ?? [])
    }

    /// The text, if it can name a pack.
    static func checkedPackName(_ text: String) throws -> String {
        let bytes = Array(text.utf8)
        let isPlain = bytes.allSatisfy { lower.contains($0) || digits.contains($0) || $0 == UInt8(ascii: "-") }
        guard isPlain, (1...64).contains(bytes.count), bytes[0] != UInt8(ascii: "-"), !isDevice(text) else {
            throw EdgeIdentifyError.format(
                "\(shown(text)) cannot name a pack; use lower-case letters, digits and hyphens (at most 64), such as street-art")
        }
        return text
    }

    /// The text, if it is a safe relative path inside a pack.
    static func checkedPath(_ text: String) throws -> String {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard text.utf8.count <= maxPathCharacters, parts.allSatisfy({ isPathPart(String($0)) }) else {
            throw EdgeIdentifyError.format("\(shown(text)) cannot be a path in a pack; the pack is damaged or hostile")
        }
        return text
    }

    /// The text, if it is a SHA-256 in lower-case hexadecimal digits.
    static func checkedSha256(_ text: String) throws -> String {
        guard text.utf8.count == 64, text.utf8.allSatisfy(hexadecimal.contains) else {
            throw EdgeIdentifyError.format("\(shown(text)) is not a SHA-256 in hexadecimal digits")
        }
        return text
    }

    /// Checks that safe paths name different files on every file system.
    static func checkApart(_ paths: [String]) throws {
        var byFolded: [String: String] = [:]
        for path in paths {
            if let same = byFolded.updateValue(path, forKey: path.lowercased()) {
                throw EdgeIdentifyError.format("\(shown(same)) and \(shown(path)) are the same file on many devices")
            }
        }
        for (folded, path) in byFolded {
            let parts = folded.split(separator: "/")
            for count in 1..<max(1, parts.count) {
                if let folder = byFolded[parts.prefix(count).joined(separator: "/")] {
                    throw EdgeIdentifyError.format("\(shown(folder)) is a file, and also a folder of \(shown(path))")
                }
            }
        }
    }

    private static func numbers(of version: String) -> [Int]? {
        let parts = version.split(separator: ".", omittingEmptySubsequences: false)
        let areNumbers = parts.allSatisfy { part in
            (1...9).contains(part.utf8.count) && part.utf8.allSatisfy(digits.contains) && (part == "0" || part.first != "0")
        }
        return parts.count == 3 && areNumbers ? parts.compactMap { Int($0) } : nil
    }

    private static func isPathPart(_ part: String) -> Bool {
        let bytes = Array(part.utf8)
        func isWord(_ byte: UInt8) -> Bool {
            lower.contains(byte) || upper.contains(byte) || digits.contains(byte)
        }
        guard let first = bytes.first, isWord(first) || first == underscore else { return false }
        return bytes.allSatisfy { isWord($0) || marks.contains($0) } && bytes.last != UInt8(ascii: ".") && !isDevice(part)
    }

    /// Windows opens a device under these names.
    private static func isDevice(_ name: String) -> Bool {
        let stem = String(name.lowercased().prefix { $0 != "." })
        let isNumbered = stem.count == 4 && (stem.hasPrefix("com") || stem.hasPrefix("lpt")) && stem.last?.isNumber == true
        return ["con", "nul", "aux", "prn"].contains(stem) || isNumbered
    }

    private static func shown(_ text: String) -> String {
        "\"" + (text.count > 220 ? text.prefix(220) + "..." : text) + "\""
    }
}
