/// The image tower of a pack, loaded.
public protocol ImageEncoder {
    /// Returns a unit vector for each image. `pixels` are RGB, count x size x size x 3, as `Preprocessing` makes them.
    func embed(_ pixels: [UInt8], count: Int) throws -> [[Float]]
}

/// The text tower of a pack, loaded.
public protocol TextEncoder {
    /// Returns a unit vector for each text, from its token ids.
    func embed(_ tokens: [[Int64]]) throws -> [[Float]]
}

/// What the local-feature net computes from one image.
public struct PointMaps {
    /// The output `descriptors`: dim x rows x columns numbers.
    public let descriptors: [Float]
    /// The output `heat`: height x width numbers, one for each pixel.
    public let heat: [Float]
    /// The output `reliability`: rows x columns numbers.
    public let reliability: [Float]
    public let rows: Int
    public let columns: Int

    public init(descriptors: [Float], heat: [Float], reliability: [Float], rows: Int, columns: Int) {
        self.descriptors = descriptors
        self.heat = heat
        self.reliability = reliability
        self.rows = rows
        self.columns = columns
    }
}

/// The local-feature net of a pack, loaded.
public protocol PointNet {
    /// Runs the net on one image: RGB, height x width x 3.
    func run(_ pixels: [UInt8], width: Int, height: Int) throws -> PointMaps
}

/// What the app gives: graphs and images.
///
/// `pack.file(path)` returns the checked bytes of a file. A runtime that opens a model by its path calls it first for each of the
/// variant's files.
public protocol Runtime {
    /// Loads an image tower.
    func imageEncoder(_ pack: Pack, _ variant: Manifest.Variant) throws -> ImageEncoder

    /// Decodes an image file to an upright image, colour profiles ignored: WebP thumbnails, and the self-test's photos.
    func decode(_ file: [UInt8]) throws -> Image

    /// Loads a text tower; nil if the app searches by a pack's own words alone.
    func textEncoder(_ pack: Pack, _ variant: Manifest.Variant) throws -> TextEncoder?

    /// Loads the local-feature net; nil if the app compares no points.
    func pointNet(_ pack: Pack, _ variant: Manifest.Variant) throws -> PointNet?
}

extension Runtime {
    public func textEncoder(_ pack: Pack, _ variant: Manifest.Variant) throws -> TextEncoder? { nil }

    public func pointNet(_ pack: Pack, _ variant: Manifest.Variant) throws -> PointNet? { nil }
}
