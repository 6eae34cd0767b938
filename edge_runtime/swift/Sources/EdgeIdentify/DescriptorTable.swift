/// The keypoints of one image.
public struct Points: Sendable {
    /// Of the image, in pixels.
    public let width: Int
    public let height: Int
    /// x and y of each point in the image's pixels; pixel centres are whole numbers.
    public let positions: [Float]
    /// Unit vectors of `dim` numbers, one after the other.
    public let descriptors: [Float]
    public let dim: Int

    public var count: Int { positions.count / 2 }
}

/// The descriptors file of a pack: the points of reference images, 4 bits a number. FORMAT.md has the layout.
struct DescriptorTable {
    private struct Entry {
        let first: Int
        let points: Int
        let width: Int
        let height: Int
    }

    private static let stepsPerPx = 32
    private static let offset = 8

    private let cursor: ByteCursor
    private let dim: Int
    private let pointBytes: Int
    private let rowsAt: Int
    private let images: [Int: Entry]

    /// Reads a file whose hash was checked. The other numbers are from the manifest.
    init(_ data: [UInt8], dim: Int, mostPoints: Int, mostImages: Int, path: String) throws {
        self.dim = dim
        pointBytes = 4 + (dim + 1) / 2
        var cursor = ByteCursor(data, path: path)
        guard try cursor.ascii(8) == "EIPOINT1" else { throw cursor.damaged("does not begin like a descriptors file") }
        let (foundDim, points, count) = (try cursor.u32(), try cursor.u32(), try cursor.i64())
        guard foundDim == dim, points == mostPoints, (0...mostImages).contains(count) else {
            throw cursor.damaged("holds other points than the manifest says")
        }
        var (images, first, last): ([Int: Entry], Int, Int?) = ([:], 0, nil)
        for _ in 0..<count {
            let (id, begin) = (try cursor.i64(), try cursor.i64())
            let entry = Entry(first: first, points: try cursor.u16(), width: try cursor.u16(), height: try cursor.u16())
            try cursor.skip(2)
            guard last.map({ $0 < id }) ?? true, begin == first else {
                throw cursor.damaged("its images are not in rising order, or do not follow each other")
            }
            guard entry.points <= mostPoints, entry.width > 0, entry.height > 0 else {
                throw cursor.damaged("an image has more than \(mostPoints) points, or no size")
            }
            images[id] = entry
            first += entry.points
            last = id
        }
        rowsAt = try cursor.skip(pointBytes, times: first)
        try cursor.finish()
        self.images = images
        self.cursor = cursor
    }

    /// The points of an image; nil if the file has none of it.
    func points(_ indexId: Int) throws -> Points? {
        guard let image = images[indexId] else { return nil }
        var (positions, descriptors): ([Float], [Float]) = ([], [])
        for at in image.first..<image.first + image.points {
            let from = rowsAt + at * pointBytes
            let across = Int(cursor.data[from]) | Int(cursor.data[from + 1]) << 8
            let down = Int(cursor.data[from + 2]) | Int(cursor.data[from + 3]) << 8
            let steps = DescriptorTable.stepsPerPx
            guard across <= image.width * steps, down <= image.height * steps else {
                throw cursor.damaged("image \(indexId) has a point outside its pixels")
            }
            positions += [Float(across) / Float(steps) - 0.5, Float(down) / Float(steps) - 0.5]
            descriptors += unitVector(from + 4)
        }
        return Points(width: image.width, height: image.height, positions: positions, descriptors: descriptors, dim: dim)
    }

    /// Two numbers a byte, the first in the low half, each plus 8.
    private func unitVector(_ from: Int) -> [Float] {
        let values = (0..<dim).map { at -> Int in
            let pair = Int(cursor.data[from + at / 2])
            return (at % 2 == 1 ? pair >> 4 : pair & 15) - DescriptorTable.offset
        }
        let length = Float(max(1, Double(values.reduce(0) { $0 + $1 * $1 }).squareRoot()))
        return values.map { Float($0) / length }
    }
}
