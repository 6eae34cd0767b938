/// A JSON value. Whole numbers of up to 18 digits stay exact.
enum Json: Equatable {
    case null
    case truth(Bool)
    case whole(Int)
    case number(Double)
    case text(String)
    case list([Json])
    case object([String: Json], order: [String])

    /// Reads a UTF-8 document; throws `packFormat` if it is not JSON.
    static func parse(_ data: [UInt8], where path: String) throws -> Json {
        do {
            guard Utf8.decoded(data) != nil else { throw JsonProblem(text: "it is not UTF-8") }
            var parser = JsonParser(bytes: data)
            return try parser.document()
        } catch let problem as JsonProblem {
            throw EdgeIdentifyError.format("\(path): is not valid JSON (\(problem.text))")
        }
    }

    var asObject: [String: Json]? {
        if case .object(let values, _) = self { return values }
        return nil
    }

    var asList: [Json]? {
        if case .list(let values) = self { return values }
        return nil
    }

    var asText: String? {
        if case .text(let value) = self { return value }
        return nil
    }

    var asWhole: Int? {
        if case .whole(let value) = self { return value }
        return nil
    }

    /// A number of either kind.
    var asNumber: Double? {
        if case .number(let value) = self { return value }
        return asWhole.map(Double.init)
    }

    /// The value as JSON, the fields in the order in which they were made.
    var written: String {
        switch self {
        case .null: return "null"
        case .truth(let value): return String(value)
        case .whole(let value): return String(value)
        case .number(let value): return String(value)
        case .text(let value): return Json.quoted(value)
        case .list(let values): return "[" + values.map(\.written).joined(separator: ",") + "]"
        case .object(let values, let order):
            return "{" + order.map { Json.quoted($0) + ":" + (values[$0] ?? .null).written }.joined(separator: ",") + "}"
        }
    }

    /// An object whose fields keep their order.
    static func fields(_ pairs: [(String, Json)]) -> Json {
        .object(Dictionary(pairs, uniquingKeysWith: { _, last in last }), order: pairs.map(\.0))
    }

    private static func quoted(_ text: String) -> String {
        var found = "\""
        for sign in text.unicodeScalars {
            if sign == "\"" || sign == "\\" {
                found += "\\" + String(sign)
            } else if sign.value < 32 {
                let digits = String(sign.value, radix: 16)
                found += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                found.unicodeScalars.append(sign)
            }
        }
        return found + "\""
    }
}

private struct JsonProblem: Error {
    let text: String
}

private struct JsonParser {
    private static let mostDepth = 200
    let bytes: [UInt8]
    private var at = 0
    private var depth = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func document() throws -> Json {
        let found = try value()
        space()
        guard at == bytes.count else { throw JsonProblem(text: "something follows the value") }
        return found
    }

    private mutating func value() throws -> Json {
        space()
        switch try peek() {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try list()
        case UInt8(ascii: "\""): return .text(try string())
        default: return try word() ?? number()
        }
    }

    private mutating func word() -> Json? {
        for (text, meaning) in [("true", Json.truth(true)), ("false", .truth(false)), ("null", .null)]
        where bytes[at...].starts(with: text.utf8) {
            at += text.utf8.count
            return meaning
        }
        return nil
    }

    private mutating func object() throws -> Json {
        try enter()
        var found: [String: Json] = [:]
        var order: [String] = []
        while try !closes(UInt8(ascii: "}"), isFirst: order.isEmpty) {
            space()
            let key = try string()
            space()
            try expect(UInt8(ascii: ":"))
            if found.updateValue(try value(), forKey: key) == nil { order.append(key) }
        }
        depth -= 1
        return .object(found, order: order)
    }

    private mutating func list() throws -> Json {
        try enter()
        var found: [Json] = []
        while try !closes(UInt8(ascii: "]"), isFirst: found.isEmpty) { found.append(try value()) }
        depth -= 1
        return .list(found)
    }

    private mutating func enter() throws {
        at += 1
        depth += 1
        guard depth <= JsonParser.mostDepth else { throw JsonProblem(text: "it is nested too deeply") }
    }

    private mutating func closes(_ end: UInt8, isFirst: Bool) throws -> Bool {
        space()
        if try peek() == end {
            at += 1
            return true
        }
        if !isFirst { try expect(UInt8(ascii: ",")) }
        return false
    }

    private mutating func string() throws -> String {
        try expect(UInt8(ascii: "\""))
        var units: [UInt8] = []
        while true {
            let sign = try next()
            if sign == UInt8(ascii: "\"") { return String(decoding: units, as: UTF8.self) }
            guard sign >= 32 else { throw JsonProblem(text: "a text has a control character") }
            if sign == UInt8(ascii: "\\") {
                units.append(contentsOf: try escaped().utf8)
            } else {
                units.append(sign)
            }
        }
    }

    private mutating func escaped() throws -> String {
        let sign = try next()
        switch sign {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return String(UnicodeScalar(sign))
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return String(try character())
        default: throw JsonProblem(text: "a text has an unknown escape")
        }
    }

    private mutating func character() throws -> UnicodeScalar {
        var code = try unit()
        if (0xd800..<0xdc00).contains(code), bytes[at...].starts(with: "\\u".utf8) {
            at += 2
            let low = try unit()
            guard (0xdc00..<0xe000).contains(low) else { throw JsonProblem(text: "it holds a lone surrogate") }
            code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let found = UnicodeScalar(code) else { throw JsonProblem(text: "it holds a lone surrogate") }
        return found
    }

    private mutating func unit() throws -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(UnicodeScalar(try next())).hexDigitValue else {
                throw JsonProblem(text: "a text has an unknown escape")
            }
            code = code << 4 | UInt32(digit)
        }
        return code
    }

    private mutating func number() throws -> Json {
        let start = at
        take { $0 == UInt8(ascii: "-") }
        let first = at
        digits()
        let isPlain = at > first && (at == first + 1 || bytes[first] != UInt8(ascii: "0"))
        let wholeEnd = at
        var isRight = isPlain
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            at += 1
            isRight = digits() && isRight
        }
        if at < bytes.count, bytes[at] | 32 == UInt8(ascii: "e") {
            at += 1
            take { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
            isRight = digits() && isRight
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        guard isRight, let found = Double(text) else { throw JsonProblem(text: "unexpected at \(start)") }
        if at == wholeEnd, at - first <= 18, let whole = Int(text) { return .whole(whole) }
        guard found.isFinite else { throw JsonProblem(text: "a number is too large") }
        return .number(found)
    }

    @discardableResult
    private mutating func digits() -> Bool {
        let start = at
        while at < bytes.count, (48...57).contains(bytes[at]) { at += 1 }
        return at > start
    }

    private mutating func take(_ isWanted: (UInt8) -> Bool) {
        if at < bytes.count, isWanted(bytes[at]) { at += 1 }
    }

    private mutating func space() {
        while at < bytes.count, bytes[at] == 32 || bytes[at] == 9 || bytes[at] == 10 || bytes[at] == 13 { at += 1 }
    }

    private func peek() throws -> UInt8 {
        guard at < bytes.count else { throw JsonProblem(text: "it ends early") }
        return bytes[at]
    }

    private mutating func next() throws -> UInt8 {
        let found = try peek()
        at += 1
        return found
    }

    private mutating func expect(_ sign: UInt8) throws {
        guard try next() == sign else { throw JsonProblem(text: "expected \(UnicodeScalar(sign)) at \(at - 1)") }
    }
}
