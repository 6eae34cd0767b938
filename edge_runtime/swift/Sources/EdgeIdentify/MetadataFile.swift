/// One file of TUF's metadata: reading it, and counting its signatures. PROTOCOL.md has the rules.
struct MetadataFile {
    /// Who may sign, and how many of them must.
    struct Role {
        let keyIds: [String]
        let threshold: Int
        let keys: [String: Json]

        init(_ role: Json?, _ keys: Json?, path: String) throws {
            guard let fields = role?.asObject, let ids = fields["keyids"]?.asList, let threshold = fields["threshold"]?.asWhole,
                let keys = keys?.asObject, threshold >= 1
            else { throw EdgeIdentifyError.untrusted("\(path): has no valid role") }
            keyIds = Set(ids.compactMap(\.asText)).sorted()
            self.threshold = threshold
            self.keys = keys
        }
    }

    let signed: [String: Json]
    let version: Int
    /// UTC, such as 2026-01-31T00:00:00Z: such texts sort as their times.
    let expires: String
    let data: [UInt8]
    let path: String
    private let content: Json
    private let signatures: [String: String]

    /// Reads a file of a type: `root`, `timestamp`, `snapshot` or `targets`.
    init(_ data: [UInt8], type: String, path: String) throws {
        self.data = data
        self.path = path
        let fields: [String: Json]?
        do {
            fields = try Json.parse(data, where: path).asObject
        } catch let error as EdgeIdentifyError {
            throw EdgeIdentifyError.untrusted(error.message)
        }
        guard let content = fields?["signed"], let signed = content.asObject, let signatures = fields?["signatures"]?.asList else {
            throw EdgeIdentifyError.untrusted("\(path): is no signed metadata")
        }
        guard signed["_type"]?.asText == type else { throw EdgeIdentifyError.untrusted("\(path): is not of the type \(type)") }
        guard signed["spec_version"]?.asText?.hasPrefix("1.") == true else {
            throw EdgeIdentifyError.untrusted("\(path): follows another specification than TUF 1")
        }
        guard let expires = signed["expires"]?.asText, MetadataFile.isTime(expires) else {
            throw EdgeIdentifyError.untrusted("\(path): names no expiry")
        }
        self.content = content
        self.signed = signed
        self.expires = expires
        version = try MetadataFile.checkedVersion(signed["version"], path)
        var byId: [String: String] = [:]
        for each in signatures {
            guard let id = each.asObject?["keyid"]?.asText, let text = each.asObject?["sig"]?.asText,
                byId.updateValue(text, forKey: id) == nil
            else { throw EdgeIdentifyError.untrusted("\(path): has a malformed signature, or two of one key") }
        }
        self.signatures = byId
    }

    /// Whether enough different keys of the role have signed the file. Keys of other kinds count for nothing.
    func isSigned(by role: Role) throws -> Bool {
        let bytes = Array(try MetadataFile.canonical(content).utf8)
        let valid = role.keyIds.filter { id in
            guard let key = MetadataFile.key(role.keys[id]), let text = signatures[id], let signature = MetadataFile.bytes(text, 64)
            else { return false }
            return Hashing.isValid(signature: signature, key: key, content: bytes)
        }
        return valid.count >= role.threshold
    }

    static func checkedVersion(_ value: Json?, _ path: String) throws -> Int {
        guard let found = value?.asWhole, found >= 1 else {
            throw EdgeIdentifyError.untrusted("\(path): names no version of 1 or more")
        }
        return found
    }

    private static func isTime(_ text: String) -> Bool {
        let shape = Array("0000-00-00T00:00:00Z".utf8)
        let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains
        return text.utf8.count == shape.count && zip(text.utf8, shape).allSatisfy { isDigit($1) ? isDigit($0) : $0 == $1 }
    }

    private static func key(_ value: Json?) -> [UInt8]? {
        guard let fields = value?.asObject, fields["keytype"] == .text("ed25519"), fields["scheme"] == .text("ed25519"),
            let text = fields["keyval"]?.asObject?["public"]?.asText
        else { return nil }
        return bytes(text, 32)
    }

    /// The bytes of lower-case hexadecimal digits; nil if they are others.
    private static func bytes(_ text: String, _ length: Int) -> [UInt8]? {
        let digits = text.utf8.map { sign -> UInt8? in
            switch sign {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): return sign - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): return sign - UInt8(ascii: "a") + 10
            default: return nil
            }
        }
        let known = digits.compactMap { $0 }
        guard known.count == digits.count, known.count == 2 * length else { return nil }
        return (0..<length).map { at -> UInt8 in
            let high: UInt8 = known[2 * at] << 4
            return high | known[2 * at + 1]
        }
    }

    private static func canonical(_ value: Json) throws -> String {
        switch value {
        case .null: return "null"
        case .truth(let found): return String(found)
        case .whole(let found): return String(found)
        case .number: throw EdgeIdentifyError.untrusted("the metadata has a number that is no integer, or too large")
        case .text(let found): return quoted(found)
        case .list(let found): return "[" + (try found.map(canonical).joined(separator: ",")) + "]"
        case .object(let fields, _):
            let keys = fields.keys.map(ExactText.init).sorted().map(\.text)
            return "{" + (try keys.map { quoted($0) + ":" + (try canonical(fields[$0] ?? .null)) }.joined(separator: ",")) + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var found = String.UnicodeScalarView()
        for sign in text.unicodeScalars {
            if sign == "\"" || sign == "\\" { found.append("\\") }
            found.append(sign)
        }
        return "\"" + String(found) + "\""
    }
}
