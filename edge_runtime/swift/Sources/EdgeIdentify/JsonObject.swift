/// Typed access to JSON from outside: every error names the field. Unknown fields are ignored.
struct JsonObject {
    let values: [String: Json]
    let names: [String]
    let path: String

    init(_ value: Json, path: String) throws {
        guard case .object(let values, let order) = value else {
            throw EdgeIdentifyError.format("\(path): expected a JSON object")
        }
        self.values = values
        self.names = order
        self.path = path
    }

    static func parse(_ data: [UInt8], maxBytes: Int, path: String) throws -> JsonObject {
        guard data.count <= maxBytes else {
            throw EdgeIdentifyError.format("\(path): \(data.count) bytes, more than the limit of \(maxBytes)")
        }
        return try JsonObject(Json.parse(data, where: path), path: path)
    }

    /// Whether the field is there and not null.
    func has(_ key: String) -> Bool {
        values[key] != nil && values[key] != .null
    }

    func text(_ key: String) throws -> String {
        guard let found = values[key]?.asText else { throw wrong(key, "a text") }
        return found
    }

    func choice(_ key: String, _ known: [String]) throws -> String {
        let found = try text(key)
        guard known.contains(found) else {
            throw EdgeIdentifyError.format("\(path): `\(key)` is \"\(found)\"; this version knows \(known.joined(separator: ", "))")
        }
        return found
    }

    func whole(_ key: String, _ range: ClosedRange<Int>) throws -> Int {
        guard let found = values[key]?.asWhole else { throw wrong(key, "a whole number") }
        guard range.contains(found) else { throw outside(key, String(found), "\(range.lowerBound) to \(range.upperBound)") }
        return found
    }

    func number(_ key: String) throws -> Double {
        guard let found = values[key]?.asNumber else { throw wrong(key, "a number") }
        return found
    }

    func number(_ key: String, _ range: ClosedRange<Double>) throws -> Double {
        let found = try number(key)
        guard range.contains(found) else { throw outside(key, String(found), "\(range.lowerBound) to \(range.upperBound)") }
        return found
    }

    func optionalNumber(_ key: String) throws -> Double? {
        has(key) ? try number(key) : nil
    }

    func truth(_ key: String) throws -> Bool {
        guard case .truth(let found)? = values[key] else { throw wrong(key, "true or false") }
        return found
    }

    func object(_ key: String) throws -> JsonObject {
        guard let found = values[key], found.asObject != nil else { throw wrong(key, "an object") }
        return try JsonObject(found, path: "\(path).\(key)")
    }

    func optionalObject(_ key: String) throws -> JsonObject? {
        has(key) ? try object(key) : nil
    }

    func objects(_ key: String) throws -> [JsonObject] {
        try list(key).enumerated().map { at, value in try JsonObject(value, path: "\(path).\(key)[\(at)]") }
    }

    /// What a reader makes of each entry of a field that is an object, in the order of the file.
    func byName<T>(_ key: String, _ read: (String, JsonObject) throws -> T) throws -> [T] {
        let nested = try object(key)
        return try nested.names.map { name in try read(name, nested.object(name)) }
    }

    func texts(_ key: String) throws -> [String] {
        try list(key).map { value in
            guard let text = value.asText else { throw wrong(key, "a list of texts") }
            return text
        }
    }

    func numbers(_ key: String) throws -> [Double] {
        try list(key).map { value in
            guard let number = value.asNumber else { throw wrong(key, "a list of numbers") }
            return number
        }
    }

    func wholes(_ key: String) throws -> [Int] {
        try list(key).map { value in
            guard let number = value.asWhole else { throw wrong(key, "a list of whole numbers") }
            return number
        }
    }

    func list(_ key: String) throws -> [Json] {
        guard let found = values[key]?.asList else { throw wrong(key, "a list") }
        return found
    }

    private func outside(_ key: String, _ found: String, _ range: String) -> EdgeIdentifyError {
        .format("\(path): `\(key)` is \(found), outside \(range)")
    }

    private func wrong(_ key: String, _ expected: String) -> EdgeIdentifyError {
        .format("\(path): `\(key)` should be \(expected)\(has(key) ? "" : ", found nothing")")
    }
}
