/// The listing of a server, `packs.json`, and the layout of the published tree.
public enum Listing {
    public static let fileName = "packs.json"
    public static let maxBytes = 8 << 20
    private static let format = 1
    private static let maxSizeBytes = 1 << 50

    /// A version that a server offers.
    public struct Version: Sendable {
        public let version: String
        /// Its path in the tree, length and hash.
        public let manifest: Manifest.FileEntry
        /// Of all files, with all variants; a device fetches less.
        public let sizeBytes: Int
        /// As the listing has it.
        public let publishedUtc: String

        init(_ fields: JsonObject) throws {
            version = try PackNames.checkedVersion(fields.text("version"))
            let of = try fields.object("manifest")
            manifest = Manifest.FileEntry(
                path: try PackNames.checkedPath(of.text("path")), lengthBytes: try of.whole("length_bytes", 1...Manifest.maxBytes),
                sha256: try PackNames.checkedSha256(of.text("sha256")))
            sizeBytes = try fields.whole("size_bytes", 0...Listing.maxSizeBytes)
            publishedUtc = try fields.text("published_utc")
        }
    }

    /// A pack that a server offers.
    public struct OfferedPack: Sendable {
        public let name: String
        public let title: String
        /// Newest first.
        public let versions: [Version]

        init(_ fields: JsonObject) throws {
            name = try PackNames.checkedPackName(fields.text("name"))
            title = try fields.text("title")
            let found = try fields.objects("versions").map { try Version($0) }
            versions = found.sorted { PackNames.isOlder($1.version, than: $0.version) }
            let newest = try PackNames.checkedVersion(fields.text("newest"))
            guard versions.first?.version == newest, Set(versions.map(\.version)).count == versions.count else {
                throw EdgeIdentifyError.format("\(fields.path): `newest` is \(newest), which is not the newest listed version, "
                    + "or a version is listed twice")
            }
        }
    }

    /// Reads the packs of a listing, sorted by name.
    public static func parse(_ data: [UInt8]) throws -> [OfferedPack] {
        let fields = try JsonObject.parse(data, maxBytes: maxBytes, path: fileName)
        let found = try fields.whole("format", 1...Int.max)
        guard found <= format else { throw EdgeIdentifyError.newerFormat(fileName, found: found, known: format) }
        let packs = try fields.objects("packs").map { try OfferedPack($0) }.sorted { $0.name < $1.name }
        guard Set(packs.map(\.name)).count == packs.count else {
            throw EdgeIdentifyError.format("\(fileName): lists a pack twice")
        }
        return packs
    }

    /// Where a server has the manifest of a version.
    public static func manifestPath(_ name: String, _ version: String) -> String {
        "manifests/\(name)/\(version).json"
    }

    /// Where a server has a file.
    public static func blobPath(_ sha256: String) -> String {
        "blobs/sha256/\(sha256.prefix(2))/\(sha256)"
    }
}
