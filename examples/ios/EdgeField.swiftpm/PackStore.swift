import CryptoKit
import EdgeIdentify
import Foundation

/// The pack on this device: one folder for each version, and a file `CURRENT` that names the one in use and is written last.
///
/// `Resources/root.json` is the publisher's root, and comes with the app.
final class PackStore: @unchecked Sendable {
    private let server: URL
    private let name: String
    private let home: URL
    private let downloads = Downloads()

    init(server: URL, name: String) {
        self.server = server
        self.name = name
        let support = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask)[0]
        home = support.appendingPathComponent("packs/\(name)", isDirectory: true)
        try? FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        var excluded = URLResourceValues()
        excluded.isExcludedFromBackup = true // a pack can be fetched again
        var folder = home
        try? folder.setResourceValues(excluded)
    }

    /// The installed version; nil if there is none.
    var version: String? { try? String(contentsOf: home.appendingPathComponent("CURRENT"), encoding: .utf8) }

    func open() throws -> PackIdentifier? {
        try version.map(open(version:))
    }

    /// Fetches the version that the publisher wants, if it is another one.
    func update(_ progress: @escaping @Sendable (Double) -> Void) async throws {
        guard let wanted = try await trusted() else { throw CocoaError(.fileNoSuchFile) }
        let before = version
        if before == wanted.version { return }
        if let before, wanted.version.compare(before, options: .numeric) == .orderedAscending { throw CocoaError(.featureUnsupported) }
        let folder = home.appendingPathComponent(wanted.version, isDirectory: true)
        let data = try await fetched(Listing.manifestPath(name, wanted.version), wanted.lengthBytes, wanted.sha256)
        let manifest = try Manifest([UInt8](data))
        guard manifest.name == name, manifest.version == wanted.version else { throw CocoaError(.fileReadCorruptFile) }
        let files = try manifest.filesFor(manifest.variantsToKeep(runtime: "coreml"))
        for (at, entry) in files.enumerated() {
            // A file of before is taken, so that an interrupted update goes on, and the encoder is fetched once.
            let places = [folder] + (before.map { [home.appendingPathComponent($0)] } ?? [])
            let known = places.map { $0.appendingPathComponent(entry.path) }.first { Self.sha256(of: $0) == entry.sha256 }
            let target = folder.appendingPathComponent(entry.path)
            if known == nil {
                let content = try await fetched(Listing.blobPath(entry.sha256), entry.lengthBytes, entry.sha256)
                try write(content, to: target)
            } else if let known, known != target {
                try write(Data(contentsOf: known), to: target)
            }
            progress(Double(at + 1) / Double(files.count))
        }
        try write(data, to: folder.appendingPathComponent(Manifest.fileName))
        try open(version: wanted.version).selfTest() // a wrong result of Core ML on this device is found here
        try write(Data(wanted.version.utf8), to: home.appendingPathComponent("CURRENT"))
    }

    private func open(version: String) throws -> PackIdentifier {
        let folder = home.appendingPathComponent(version, isDirectory: true)
        let cache = home.appendingPathComponent("compiled", isDirectory: true)
        let pack = try Pack(FolderStorage(folder), runtime: "coreml")
        return try PackIdentifier(pack, CoreMLRuntime(folder: folder, cache: cache))
    }

    /// The core asks for a few small files, one after another: on a thread of its own.
    private func trusted() async throws -> TrustedTarget? {
        let device = ServerDevice(server: server, trust: home.appendingPathComponent("trust", isDirectory: true))
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { [name] in
                continuation.resume(with: Result { try TrustedTarget.find(name, now: Date(), device) })
            }
        }
    }

    private func fetched(_ path: String, _ lengthBytes: Int, _ sha256: String) async throws -> Data {
        let file = try await downloads.file(server.appendingPathComponent(path))
        defer { try? FileManager.default.removeItem(at: file) }
        let data = try Data(contentsOf: file, options: .mappedIfSafe)
        guard data.count == lengthBytes, Self.sha256(of: file) == sha256 else { throw CocoaError(.fileReadCorruptFile) }
        return data
    }

    private func write(_ data: Data, to file: URL) throws {
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: file, options: .atomic)
    }

    private static func sha256(of file: URL) -> String? {
        guard let data = try? Data(contentsOf: file, options: .mappedIfSafe) else { return nil }
        return SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
    }
}

/// What the core needs to verify signatures.
private struct ServerDevice: TrustedTarget.Device {
    let server: URL
    let trust: URL

    var pinned: TrustedTarget.Pinned {
        let file = Bundle.module.url(forResource: "root", withExtension: "json", subdirectory: "Resources")
        return .root(file.flatMap { try? Data(contentsOf: $0) }.map { [UInt8]($0) } ?? [])
    }

    func fetch(_ path: String, maxBytes: Int) throws -> [UInt8]? {
        let done = DispatchSemaphore(value: 0)
        var found: Result<[UInt8]?, Error> = .success(nil)
        let request = URLRequest(url: server.appendingPathComponent(path), cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: 20)
        URLSession.shared.dataTask(with: request) { data, response, error in
            let status = (response as? HTTPURLResponse)?.statusCode ?? 0
            if let error {
                found = .failure(error)
            } else if status == 200 {
                found = .success(data.map { [UInt8]($0.prefix(maxBytes + 1)) })
            } else if status != 404, status != 403 {
                found = .failure(URLError(.badServerResponse))
            }
            done.signal()
        }.resume()
        done.wait()
        return try found.get()
    }

    func stored(_ key: String) -> [UInt8]? {
        (try? Data(contentsOf: trust.appendingPathComponent(key))).map { [UInt8]($0) }
    }

    func keep(_ key: String, _ data: [UInt8]) throws {
        try FileManager.default.createDirectory(at: trust, withIntermediateDirectories: true)
        try Data(data).write(to: trust.appendingPathComponent(key), options: .atomic)
    }
}

/// Downloads that go on while the app is in the background.
private final class Downloads: NSObject, URLSessionDownloadDelegate, @unchecked Sendable {
    private let lock = NSLock()
    private var waiting: [Int: CheckedContinuation<URL, Error>] = [:]
    private lazy var session: URLSession = {
        let configuration = URLSessionConfiguration.background(withIdentifier: "org.example.edgefield.packs")
        configuration.isDiscretionary = false
        configuration.allowsExpensiveNetworkAccess = false // packs wait for Wi-Fi
        return URLSession(configuration: configuration, delegate: self, delegateQueue: nil)
    }()

    func file(_ url: URL) async throws -> URL {
        try await withCheckedThrowingContinuation { continuation in
            let task = session.downloadTask(with: url)
            lock.withLock { waiting[task.taskIdentifier] = continuation }
            task.resume()
        }
    }

    func urlSession(_ session: URLSession, downloadTask: URLSessionDownloadTask, didFinishDownloadingTo location: URL) {
        let kept = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        let status = (downloadTask.response as? HTTPURLResponse)?.statusCode ?? 0
        finish(downloadTask, Result {
            guard status == 200 else { throw URLError(.badServerResponse) }
            try FileManager.default.moveItem(at: location, to: kept) // the system removes its file when this returns
            return kept
        })
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: Error?) {
        if let error { finish(task, .failure(error)) }
    }

    private func finish(_ task: URLSessionTask, _ result: Result<URL, Error>) {
        lock.withLock { waiting.removeValue(forKey: task.taskIdentifier) }?.resume(with: result)
    }
}
