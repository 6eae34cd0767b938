/// Compares photos point by point with the reference images of one pack. Nets and files are loaded when they are needed.
final class PointComparison {
    /// The most similar references that are compared.
    static let candidates = 10
    private static let keptPoints = 128 // references whose points are kept

    private let pack: Pack
    private let runtime: Runtime
    private var known: [Int: Points?] = [:]
    private var order: [Int] = []
    private var opened: (net: PointNet, spec: Manifest.LocalFeatures)??
    private var descriptors: DescriptorTable?
    private var pictures: ThumbnailTable?

    init(_ pack: Pack, _ runtime: Runtime) {
        self.pack = pack
        self.runtime = runtime
    }

    /// Whether the pack has local features, and the app a net that runs them.
    func isPossible() throws -> Bool {
        try net() != nil
    }

    /// The points of a photo, by the recipe for photos; `isWhole` for those of the self-test, at the photo's own size.
    func photoPoints(_ photo: Image, isWhole: Bool = false) throws -> Points? {
        guard let (net, spec) = try net() else { return nil }
        let small = isWhole ? photo : Resampling.thumbnail(photo.opaque(), sidePx: spec.photo.sidePx)
        return try NetPoints.find(small, spec.photo, spec, net)
    }

    /// The points that agree with a reference image; nil if too few do, or the pack has none of the image.
    func compare(_ photo: Points, _ indexId: Int) throws -> PointAgreement? {
        guard let (net, spec) = try net() else { return nil }
        if known[indexId] == nil {
            known[indexId] = .some(try read(indexId, net, spec))
            order.append(indexId)
            if order.count > PointComparison.keptPoints { known[order.removeFirst()] = nil }
        }
        guard let reference = known[indexId] ?? nil else { return nil }
        return PointAgreement.find(photo, reference, leastSimilarity: spec.leastSimilarity)
    }

    /// The pack's thumbnails; nil if it has none.
    func thumbnails() throws -> ThumbnailTable? {
        if pictures == nil, let path = pack.manifest.thumbnailsFile {
            pictures = try ThumbnailTable(pack.file(path), path: path)
        }
        return pictures
    }

    private func net() throws -> (net: PointNet, spec: Manifest.LocalFeatures)? {
        if let opened { return opened }
        guard let spec = pack.manifest.localFeatures else { return nil }
        let found = try runtime.pointNet(pack, spec.net(runtime: pack.runtime)).map { ($0, spec) }
        opened = .some(found)
        return found
    }

    private func read(_ indexId: Int, _ net: PointNet, _ spec: Manifest.LocalFeatures) throws -> Points? {
        if let path = spec.descriptorsFile {
            let table = try descriptors ?? DescriptorTable(
                pack.file(path), dim: spec.dim, mostPoints: spec.reference.mostPoints, mostImages: pack.manifest.index.count,
                path: path)
            descriptors = table
            return try table.points(indexId)
        }
        guard let webp = try thumbnails()?.webp(indexId) else { return nil }
        let image = try runtime.decode(webp)
        let most = pack.manifest.thumbnailSidePx
        guard max(image.width, image.height) <= most else {
            throw EdgeIdentifyError.damaged(
                pack.manifest.thumbnailsFile ?? "", "the thumbnail of image \(indexId) has a side of more than \(most) pixels")
        }
        return try NetPoints.find(image, spec.reference, spec, net)
    }
}
