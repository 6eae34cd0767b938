/// A known thing.
public struct Reference: Sendable {
    public let id: String
    public let name: String
    public let namespace: String
    public let labels: [Label]
    /// WGS 84 degrees, or nil like `longitude`.
    public let latitude: Double?
    public let longitude: Double?
    public let url: String?
    public let licence: String?
    public let attributes: [Label]

    /// A label or an attribute, in the order of the pack.
    public struct Label: Hashable, Sendable {
        public let key: String
        public let value: String
    }

    /// The value of a label; nil if the reference has none of this kind.
    public func label(_ kind: String) -> String? {
        labels.first { $0.key == kind }?.value
    }

    func passes(_ filters: Filters) -> Bool {
        let isInside = filters.namespaces.isEmpty || filters.namespaces.contains(namespace)
        return isInside && filters.labels.allSatisfy { kind, values in label(kind).map(values.contains) ?? false }
    }
}

/// What is known of a reference image, to credit it.
public struct PictureFacts: Sendable, Equatable {
    public let path: String?
    public let type: String?
    public let licence: String?
    public let provenance: String?
}

/// Lookups in the references of a pack, `references.sqlite`.
final class ReferenceTable {
    private static let maxReferenceBytes = 1 << 20
    private static let columns = ["id", "name", "namespace", "labels", "latitude", "longitude", "url", "licence", "attributes"]

    private let file: SqliteFile
    private let path: String
    private var images: [ExactText: [Int]]?
    private var places: [ExactText: Coordinates]?
    private var known: [Reference]?

    /// Reads a file whose hash was checked.
    init(_ data: [UInt8], path: String) throws {
        self.path = path
        file = try SqliteFile(data, maxRowBytes: ReferenceTable.maxReferenceBytes, path: path)
    }

    /// A reference; one that is missing is damage.
    func reference(_ id: String) throws -> Reference {
        guard let row = try file.row("reference", key: id, ReferenceTable.columns) else { throw missing(id) }
        return try of(row)
    }

    func has(_ id: String) throws -> Bool {
        try file.row("reference", key: id, ["id"]) != nil
    }

    /// The id of the reference that an image of the index shows.
    func referenceId(of indexId: Int) throws -> String {
        guard let row = try file.row("reference_image", indexId, ["reference_id"]) else { throw missing(String(indexId)) }
        return try text(String(indexId), row[0])
    }

    /// What is known of a reference image; nil if nothing is, as in most packs.
    func imageFacts(_ indexId: Int) throws -> PictureFacts? {
        guard file.has("picture"), let row = try file.row("picture", indexId, ["path", "type", "licence", "provenance"]),
            row.contains(where: { $0 != .null })
        else { return nil }
        return PictureFacts(path: row[0].asText, type: row[1].asText, licence: row[2].asText, provenance: row[3].asText)
    }

    /// The index ids of a reference's images, rising.
    func images(of id: String) throws -> [Int] {
        if images == nil {
            var found: [ExactText: [Int]] = [:]
            try file.eachRow("reference_image", ["index_id", "reference_id"]) { row in
                if let image = row[0].asWhole, let id = row[1].asText { found[ExactText(id), default: []].append(image) }
            }
            images = found
        }
        return images?[ExactText(id)] ?? []
    }

    /// All references, by id.
    func references() throws -> [Reference] {
        if let known { return known }
        var found: [Reference] = []
        try file.eachRow("reference", ReferenceTable.columns) { found.append(try of($0)) }
        known = found
        return found
    }

    /// The coordinates of all references that have some, by id.
    func coordinates() throws -> [ExactText: Coordinates] {
        if let places { return places }
        var found: [ExactText: Coordinates] = [:]
        try file.eachRow("reference", ["id", "latitude", "longitude"]) { row in
            guard let id = row[0].asText, let latitude = row[1].asNumber, let longitude = row[2].asNumber,
                abs(latitude) <= 90, abs(longitude) <= 180
            else { return }
            found[ExactText(id)] = Coordinates(latitude: latitude, longitude: longitude)
        }
        places = found
        return found
    }

    /// All namespaces but the empty one, sorted.
    func namespaces() throws -> [String] {
        try distinct { [$0.namespace] }.filter { !$0.isEmpty }
    }

    /// All kinds of labels, sorted.
    func labelKinds() throws -> [String] {
        try distinct { $0.labels.map(\.key) }
    }

    /// All values of a kind of label, sorted.
    func labelValues(_ kind: String) throws -> [String] {
        try distinct { [$0.label(kind)].compactMap { $0 } }
    }

    /// The ids of the references that pass filters, sorted.
    func ids(_ filters: Filters) throws -> [String] {
        try references().filter { $0.passes(filters) }.map(\.id)
    }

    /// The index ids of all images whose references pass filters.
    func indexIds(_ filters: Filters) throws -> Set<Int> {
        Set(try ids(filters).flatMap { try images(of: $0) })
    }

    /// Reads every reference and every image once, as answers do, and returns the number of references.
    func checkAll(_ indexIds: [Int]) throws -> Int {
        let ids = Set(try references().map { ExactText($0.id) })
        var images: Set<Int> = []
        try file.eachRow("reference_image", ["index_id", "reference_id"]) { row in
            guard let id = row[1].asText, ids.contains(ExactText(id)), let image = row[0].asWhole else {
                throw EdgeIdentifyError.damaged(path, "an image belongs to no reference")
            }
            images.insert(image)
        }
        if let lost = indexIds.first(where: { !images.contains($0) }) {
            throw EdgeIdentifyError.damaged(path, "does not list the image \(lost), which the index holds")
        }
        return ids.count
    }

    private func distinct(_ values: (Reference) -> [String]) throws -> [String] {
        Set(try references().flatMap(values).map(ExactText.init)).sorted().map(\.text)
    }

    private func of(_ row: [SqliteFile.Value]) throws -> Reference {
        let id = row[0].asText ?? ""
        return Reference(
            id: try text(id, row[0]), name: try text(id, row[1]), namespace: try text(id, row[2]), labels: try texts(id, row[3]),
            latitude: try degrees(id, row[4], 90), longitude: try degrees(id, row[5], 180),
            url: try row[6] == .null ? nil : text(id, row[6]), licence: try row[7] == .null ? nil : text(id, row[7]),
            attributes: try texts(id, row[8]))
    }

    private func text(_ id: String, _ value: SqliteFile.Value) throws -> String {
        guard let found = value.asText else { throw malformed(id, "a value is no text") }
        return found
    }

    private func degrees(_ id: String, _ value: SqliteFile.Value, _ most: Double) throws -> Double? {
        if value == .null { return nil }
        guard let found = value.asNumber, abs(found) <= most else {
            throw malformed(id, "a coordinate is not -\(most) to \(most) degrees")
        }
        return found
    }

    private func texts(_ id: String, _ column: SqliteFile.Value) throws -> [Reference.Label] {
        do {
            let json = Array(try text(id, column).utf8)
            let fields = try JsonObject.parse(json, maxBytes: ReferenceTable.maxReferenceBytes, path: path)
            return try fields.names.map { Reference.Label(key: $0, value: try fields.text($0)) }
        } catch let error as EdgeIdentifyError where error.code == .packFormat {
            throw malformed(id, error.message)
        }
    }

    private func missing(_ key: String) -> EdgeIdentifyError {
        .damaged(path, "has no entry \(key.first(200)), which the index refers to")
    }

    private func malformed(_ id: String, _ problem: String) -> EdgeIdentifyError {
        .damaged(path, "the entry \(id.first(200)) is malformed (\(problem))")
    }
}
