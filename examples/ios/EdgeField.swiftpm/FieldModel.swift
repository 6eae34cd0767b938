import EdgeIdentify
import Foundation
import ImageIO

/// The state of the screen.
@MainActor
final class FieldModel: ObservableObject {
    static let packName = "street-art"
    static let server = URL(string: "https://packs.example.org/")! // yours

    @Published var answer: Answer?
    @Published var problem: String?
    @Published var progress: Double?
    @Published var version: String?

    private let worker = PackWorker(PackStore(server: FieldModel.server, name: FieldModel.packName))

    init() {
        Task { version = await worker.version }
    }

    func identify(_ file: Data) async {
        await show { self.answer = try await self.worker.identify(file) }
    }

    func update() async {
        await show {
            try await self.worker.update { part in Task { @MainActor in self.progress = part } }
            self.version = await self.worker.version
        }
        progress = nil
    }

    private func show(_ work: () async throws -> Void) async {
        problem = nil
        do { try await work() } catch { problem = "\(error)" } // the core's messages say what to do
    }
}

/// The pack. An actor, since the core's methods are called from one thread at a time.
actor PackWorker {
    private let store: PackStore
    private var identifier: PackIdentifier?

    init(_ store: PackStore) {
        self.store = store
    }

    var version: String? { store.version }

    func identify(_ file: Data) throws -> Answer? {
        let opened = try identifier ?? store.open()
        identifier = opened
        return try opened?.identify(Image(photo: file))
    }

    func update(_ progress: @escaping @Sendable (Double) -> Void) async throws {
        try await store.update(progress)
        identifier = nil
    }
}

extension Image {
    /// An upright photo. ImageIO turns it by its EXIF; the longer side has 4096 pixels at most.
    init(photo file: Data) throws {
        let options: [CFString: Any] = [
            kCGImageSourceCreateThumbnailFromImageAlways: true, kCGImageSourceCreateThumbnailWithTransform: true,
            kCGImageSourceThumbnailMaxPixelSize: 4096,
        ]
        guard let source = CGImageSourceCreateWithData(file as CFData, nil),
            let upright = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary)
        else { throw CocoaError(.fileReadCorruptFile) }
        try self.init(cgImage: upright)
    }
}
