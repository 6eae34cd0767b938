import Foundation

/// The files of a pack, by their path in the manifest, and `pack.json`.
public protocol Storage {
    /// Returns the bytes of a file.
    func read(_ path: String) throws -> [UInt8]
}

/// A pack in a folder.
public struct FolderStorage: Storage {
    public let folder: URL

    public init(_ folder: URL) {
        self.folder = folder
    }

    public func read(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(path)))
    }
}

/// A pack whose manifest is valid. Each file's length and hash are checked before it is used.
public final class Pack {
    public let manifest: Manifest
    /// What runs the pack's graphs: `coreml` or `onnx`.
    public let runtime: String
    /// The encoder variants that are here.
    public let variantNames: [String]
    private let storage: Storage

    /// Reads a pack that has the files of `variantsToKeep`, or only some variants.
    public init(_ storage: Storage, runtime: String, variantNames: [String]? = nil) throws {
        self.storage = storage
        self.runtime = runtime
        manifest = try Manifest(Pack.bytes(storage, Manifest.fileName))
        self.variantNames = try variantNames ?? manifest.variantsToKeep(runtime: runtime)
    }

    /// Returns the bytes of a file, after its length and hash were checked.
    public func file(_ path: String) throws -> [UInt8] {
        guard let entry = manifest.files[path] else { throw EdgeIdentifyError.damaged(path, "is not among the pack's files") }
        let data = try Pack.bytes(storage, path)
        guard data.count == entry.lengthBytes else {
            throw EdgeIdentifyError.damaged(path, "expected \(entry.lengthBytes) bytes, found \(data.count)")
        }
        guard Hashing.sha256(data) == entry.sha256 else {
            throw EdgeIdentifyError.damaged(path, "its content has changed (SHA-256)")
        }
        return data
    }

    /// The image variant that this device runs.
    public var imageVariant: Manifest.Variant {
        get throws { try manifest.imageVariant(runtime: runtime, here: variantNames) }
    }

    /// The text variant that this device runs; nil if there is none.
    public var textVariant: Manifest.Variant? {
        manifest.textVariant(runtime: runtime, here: variantNames)
    }

    private static func bytes(_ storage: Storage, _ path: String) throws -> [UInt8] {
        do {
            return try storage.read(path)
        } catch {
            throw EdgeIdentifyError(
                code: .packDamaged, message: "\(path): cannot be read (\(error.localizedDescription)); fetch the pack again")
        }
    }
}
