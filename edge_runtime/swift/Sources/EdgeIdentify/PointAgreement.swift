import Foundation

/// Points of a reference and a photo that agree under one homography (FORMAT.md, "Agreeing points").
public struct PointAgreement: Sendable {
    /// A place in pixels.
    public struct Place: Sendable {
        public let x: Double
        public let y: Double
    }

    /// At least 8 places in the photo's pixels.
    public let inPhoto: [Place]
    /// The same points in the reference's pixels.
    public let inReference: [Place]
    /// The reference's corners in the photo: top left, top right, bottom right, bottom left.
    public let outline: [Place]

    private static let leastPoints = 8 // a homography fits any four pairs exactly; a few more agree by chance
    private static let leastTolerancePx = 3.0
    private static let tolerance = 0.01 // as a share of the photo's longer side; real things are not quite flat
    private static let leastArea = 1e-3 // of the reference's outline, as a share of the photo

    /// Finds the points that agree; nil if they are fewer than 8, or no camera can see the reference so.
    static func find(_ photo: Points, _ reference: Points, leastSimilarity: Double) -> PointAgreement? {
        let pairs = mutualPairs(reference, photo, leastSimilarity)
        if pairs.count < leastPoints { return nil }
        let inReference = pairs.map { place(reference, $0.reference) }
        let inPhoto = pairs.map { place(photo, $0.photo) }
        let source = UnitPoints(inReference)
        let target = UnitPoints(inPhoto)
        let limit = max(leastTolerancePx, tolerance * Double(max(photo.width, photo.height))) * target.scale
        let fit = HomographyFit(source: source.points, target: target.points, limit: limit * limit)
        guard let view = fit.best(), let outline = outline(view, source, target, reference), isPossible(outline, photo) else {
            return nil
        }
        let agreeing = pairs.indices.filter { fit.squared(view, $0) < fit.limit }
        if agreeing.count < leastPoints { return nil }
        return PointAgreement(
            inPhoto: agreeing.map { inPhoto[$0] }, inReference: agreeing.map { inReference[$0] }, outline: outline)
    }

    private static func place(_ points: Points, _ at: Int) -> Place {
        Place(x: Double(points.positions[2 * at]), y: Double(points.positions[2 * at + 1]))
    }

    /// Pairs whose descriptors are each other's nearest, the most similar first.
    private static func mutualPairs(
        _ reference: Points, _ photo: Points, _ leastSimilarity: Double
    ) -> [(reference: Int, photo: Int)] {
        let (rows, columns, dim) = (reference.count, photo.count, photo.dim)
        if rows == 0 || columns == 0 { return [] }
        var nearest = [Int](repeating: 0, count: rows)
        var best = [Float](repeating: -.infinity, count: rows)
        var back = [Int](repeating: 0, count: columns)
        var bestBack = [Float](repeating: -.infinity, count: columns)
        reference.descriptors.withUnsafeBufferPointer { ours in
            photo.descriptors.withUnsafeBufferPointer { theirs in
                for row in 0..<rows {
                    for column in 0..<columns {
                        var score: Float = 0
                        for at in 0..<dim { score += ours[row * dim + at] * theirs[column * dim + at] }
                        if score > best[row] { (best[row], nearest[row]) = (score, column) }
                        if score > bestBack[column] { (bestBack[column], back[column]) = (score, row) }
                    }
                }
            }
        }
        let mutual = (0..<rows).filter { Double(best[$0]) > leastSimilarity && back[nearest[$0]] == $0 }
        let sorted = mutual.sorted { best[$0] > best[$1] || (best[$0] == best[$1] && $0 < $1) }
        return sorted.map { ($0, nearest[$0]) }
    }

    /// The reference's corners in the photo's pixels; nil if some lie behind the camera.
    private static func outline(
        _ view: [Double], _ source: UnitPoints, _ target: UnitPoints, _ reference: Points
    ) -> [Place]? {
        let right: Double = Double(reference.width) - 0.5
        let bottom: Double = Double(reference.height) - 0.5
        let corners: [(Double, Double)] = [(-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom)]
        var firstDepth: Double?
        var seen: [Place] = []
        for corner in corners {
            let x = (corner.0 - source.middle.x) * source.scale
            let y = (corner.1 - source.middle.y) * source.scale
            let depth = view[6] * x + view[7] * y + view[8]
            guard depth * (firstDepth ?? depth) > 0 else { return nil }
            firstDepth = firstDepth ?? depth
            let across: Double = view[0] * x + view[1] * y + view[2]
            let down: Double = view[3] * x + view[4] * y + view[5]
            seen.append(
                Place(x: across / depth / target.scale + target.middle.x, y: down / depth / target.scale + target.middle.y))
        }
        return seen
    }

    /// Whether a camera can produce an outline: convex, not mirrored, and not too small.
    private static func isPossible(_ outline: [Place], _ photo: Points) -> Bool {
        var area = 0.0
        for at in 0..<4 {
            let (one, two, three) = (outline[at], outline[(at + 1) % 4], outline[(at + 2) % 4])
            let (across, down) = (two.x - one.x, two.y - one.y)
            let turn: Double = across * (three.y - two.y) - down * (three.x - two.x)
            guard turn > 0 else { return false }
            area += one.x * two.y - two.x * one.y
        }
        return area / 2 >= leastArea * Double(photo.width * photo.height)
    }
}

/// Points moved to mean 0 and mean distance 1.
private struct UnitPoints {
    let points: [PointAgreement.Place]
    let scale: Double
    let middle: PointAgreement.Place

    init(_ places: [PointAgreement.Place]) {
        let count = Double(places.count)
        let x: Double = places.map(\.x).reduce(0, +) / count
        let y: Double = places.map(\.y).reduce(0, +) / count
        let distance: Double = places.map { hypot($0.x - x, $0.y - y) }.reduce(0, +) / count
        let scale = 1 / max(distance, 1e-9)
        self.scale = scale
        middle = .init(x: x, y: y)
        points = places.map { .init(x: ($0.x - x) * scale, y: ($0.y - y) * scale) }
    }
}

/// A robust fit of a homography. A view is nine numbers, row by row, and its score as the tenth.
private struct HomographyFit {
    typealias Place = PointAgreement.Place

    private static let rounds = [0..<128, 128..<512, 512..<2048]
    private static let leastDeterminant = 1e-6

    let source: [Place]
    let target: [Place]
    let limit: Double

    /// The best view of a few rounds of samples; nil if none is possible.
    func best() -> [Double]? {
        var best: [Double]?
        for round in HomographyFit.rounds {
            let views = round.compactMap(minimalView)
            let order = views.indices.sorted { views[$0][9] > views[$1][9] || (views[$0][9] == views[$1][9] && $0 < $1) }
            for at in order.prefix(3) {
                let found = refitted(views[at])
                if found[9] > best?[9] ?? 0 { best = found }
            }
            if let best, isEnough(round.upperBound, best) { break }
        }
        return best
    }

    /// The squared distance of a pair under a view; infinite behind the camera.
    func squared(_ view: [Double], _ at: Int) -> Double {
        let (x, y) = (source[at].x, source[at].y)
        let depth: Double = view[6] * x + view[7] * y + view[8]
        guard depth > 0 else { return .infinity }
        let seenX: Double = view[0] * x + view[1] * y + view[2]
        let seenY: Double = view[3] * x + view[4] * y + view[5]
        let across: Double = seenX / depth - target[at].x
        let down: Double = seenY / depth - target[at].y
        return across * across + down * down
    }

    private static func hash(_ key: UInt32) -> UInt64 {
        var value = key ^ (key >> 16)
        value = value &* 0x7feb_352d
        value ^= value >> 15
        value = value &* 0x846c_a68b
        return UInt64(value ^ (value >> 16))
    }

    /// The homography of a sample of four pairs with its score; nil if no camera can see it.
    private func minimalView(_ sample: Int) -> [Double]? {
        let at: [Int] = (1...4).map { corner -> Int in
            let drawn: UInt64 = HomographyFit.hash(UInt32(4 * sample + corner)) * UInt64(source.count)
            return Int(drawn >> 32)
        }
        if Set(at).count < 4 { return nil }
        let (ofSource, ofTarget) = (weights(source, at), weights(target, at))
        for (one, other) in zip(ofSource, ofTarget) {
            let least = HomographyFit.leastDeterminant
            guard one * other > 0, abs(one) > least, abs(other) > least else { return nil }
        }
        var view = [Double](repeating: 0, count: 10)
        for corner in 0..<3 {
            let ratio = ofTarget[corner] / ofSource[corner] / ofSource[3]
            let (next, last) = (source[at[(corner + 1) % 3]], source[at[(corner + 2) % 3]])
            let (across, down) = (next.y - last.y, last.x - next.x)
            let offset: Double = -(across * last.x + down * last.y)
            let row: [Double] = [across, down, offset]
            let seen = target[at[corner]]
            let column: [Double] = [seen.x * ratio, seen.y * ratio, ratio]
            for place in 0..<9 { view[place] += column[place / 3] * row[place % 3] }
        }
        return scored(view)
    }

    private func weights(_ points: [Place], _ at: [Int]) -> [Double] {
        [[3, 1, 2], [0, 3, 2], [0, 1, 3], [0, 1, 2]].map { corners in
            let (one, two, three) = (points[at[corners[0]]], points[at[corners[1]]], points[at[corners[2]]])
            let (across, down) = (two.x - one.x, two.y - one.y)
            return across * (three.y - one.y) - down * (three.x - one.x)
        }
    }

    private func scored(_ view: [Double]) -> [Double] {
        var found = view
        found[9] = 0
        for at in source.indices { found[9] += max(0, 1 - squared(view, at) / limit) }
        return found
    }

    private func refitted(_ candidate: [Double]) -> [Double] {
        var (best, view) = (candidate, candidate)
        for widening in [4.0, 1.0] {
            guard let found = leastSquares(view, within: widening * limit) else { break }
            view = scored(found)
            if view[9] > best[9] { best = view }
        }
        return best
    }

    private func leastSquares(_ view: [Double], within: Double) -> [Double]? {
        var products = [[Double]](repeating: [Double](repeating: 0, count: 9), count: 8)
        var chosen = 0
        for at in source.indices {
            let weight = 1 - squared(view, at) / within
            guard weight > 0 else { continue }
            chosen += 1
            let (x, y, u, v) = (source[at].x, source[at].y, target[at].x, target[at].y)
            let depth: Double = view[6] * x + view[7] * y + view[8]
            let factor: Double = weight.squareRoot() / depth
            let across: [Double] = [x, y, 1, 0, 0, 0, -x * u, -y * u, -u]
            let down: [Double] = [0, 0, 0, x, y, 1, -x * v, -y * v, -v]
            for row in [across, down] {
                let weighted = row.map { $0 * factor }
                for one in 0..<8 { for other in 0..<9 { products[one][other] += weighted[one] * weighted[other] } }
            }
        }
        return chosen < 4 ? nil : HomographyFit.solved(products)
    }

    private static func solved(_ equations: [[Double]]) -> [Double]? {
        var rows = equations
        for column in 0..<8 {
            let pivot = (column..<8).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
            rows.swapAt(pivot, column)
            if rows[column][column] == 0 { return nil }
            for at in column + 1..<8 {
                let factor = rows[at][column] / rows[column][column]
                for other in column..<9 { rows[at][other] -= factor * rows[column][other] }
            }
        }
        var found = [Double](repeating: 0, count: 10)
        found[8] = 1
        for at in stride(from: 7, through: 0, by: -1) {
            var known: Double = -rows[at][8]
            for other in at + 1..<8 { known -= rows[at][other] * found[other] }
            found[at] = known / rows[at][at]
        }
        return found
    }

    private func isEnough(_ samples: Int, _ view: [Double]) -> Bool {
        let inside = source.indices.filter { squared(view, $0) < limit }.count
        let share = Double(inside) / Double(source.count)
        return pow(1 - pow(share, 4), Double(samples)) <= 1 - 0.999
    }
}
