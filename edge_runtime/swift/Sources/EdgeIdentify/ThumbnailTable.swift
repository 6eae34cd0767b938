/// The thumbnails of a pack: small WebP images of its references, in a SQLite file.
struct ThumbnailTable {
    private static let maxThumbnailBytes = 1 << 22
    private let file: SqliteFile
    private let path: String

    /// Reads a file whose hash was checked.
    init(_ data: [UInt8], path: String) throws {
        self.path = path
        file = try SqliteFile(data, maxRowBytes: ThumbnailTable.maxThumbnailBytes + 1024, path: path)
    }

    /// The thumbnail of the image with this index id, as WebP; nil if there is none.
    func webp(_ indexId: Int) throws -> [UInt8]? {
        guard let row = try file.row("thumbnail", indexId, ["webp"]) else { return nil }
        guard case .blob(let data) = row[0], data.starts(with: "RIFF".utf8), data.dropFirst(8).starts(with: "WEBP".utf8) else {
            throw EdgeIdentifyError.damaged(path, "the thumbnail of image \(indexId) is no WebP file")
        }
        return data
    }
}
