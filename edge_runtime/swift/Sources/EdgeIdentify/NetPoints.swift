/// The points of an image: the net's pixels, the peaks of its heat, and their descriptors.
struct NetPoints {
    /// A pixel of the heat map.
    struct Peak {
        let x: Int
        let y: Int
        let score: Float
    }

    private static let radiusPx = 2
    private static let cubic = -0.75 // the coefficient with which the net was published

    private let maps: PointMaps
    private let width: Int
    private let height: Int

    /// Takes the maps of an image of the net's size.
    init(_ maps: PointMaps, width: Int, height: Int) {
        self.maps = maps
        self.width = width
        self.height = height
    }

    /// An image in the net's size: the longer side as given, both multiples of the step.
    static func netPixels(_ image: Image, sidePx: Int, stepPx: Int) -> Image {
        let scale = Double(sidePx) / Double(max(image.width, image.height))
        func side(_ length: Int) -> Int {
            let steps: Double = Double(length) * scale / Double(stepPx)
            return stepPx * max(1, Int(steps.rounded(.toNearestOrEven)))
        }
        return Resampling.resized(image.opaque(), width: side(image.width), height: side(image.height), isBicubic: true)
    }

    /// Finds the points of an image, the best first; a blank image has none.
    static func find(
        _ image: Image, _ recipe: Manifest.PointsRecipe, _ spec: Manifest.LocalFeatures, _ net: PointNet
    ) throws -> Points {
        let small = netPixels(image, sidePx: recipe.sidePx, stepPx: spec.sideStepPx)
        let maps = try net.run(small.data, width: small.width, height: small.height)
        let found = NetPoints(maps, width: small.width, height: small.height)
        try found.check(spec)
        let peaks = found.peaks(leastHeat: spec.leastHeat, most: recipe.mostPoints)
        // Scaled about the pixel's edge, half a pixel from its centre.
        let (across, down) = (Double(image.width) / Double(small.width), Double(image.height) / Double(small.height))
        let positions: [Float] = peaks.flatMap { peak -> [Float] in
            let x: Double = (Double(peak.x) + 0.5) * across - 0.5
            let y: Double = (Double(peak.y) + 0.5) * down - 0.5
            return [Float(x), Float(y)]
        }
        return Points(
            width: image.width, height: image.height, positions: positions,
            descriptors: found.descriptors(at: peaks, dim: spec.dim), dim: spec.dim)
    }

    /// The highest scores (heat times reliability), best first.
    func peaks(leastHeat: Double, most: Int) -> [Peak] {
        let across = NetPoints.largestAlong(maps.heat, width, height, step: 1, stride: width)
        let around = NetPoints.largestAlong(across, height, width, step: width, stride: 1)
        let least = Float(leastHeat)
        let found = around.indices.lazy.filter { maps.heat[$0] > least && maps.heat[$0] == around[$0] }.map { at in
            let (x, y) = (at % width, at / width)
            let reliability = sample(maps.reliability, x, y, isCubic: false, dim: 1)[0]
            return Peak(x: x, y: y, score: maps.heat[at] * reliability)
        }
        let sorted = found.enumerated().sorted { one, other in
            one.element.score > other.element.score || (one.element.score == other.element.score && one.offset < other.offset)
        }
        return sorted.prefix(most).map(\.element)
    }

    /// A unit vector for each peak, one after the other.
    func descriptors(at peaks: [Peak], dim: Int) -> [Float] {
        peaks.flatMap { peak -> [Float] in
            let vector = sample(maps.descriptors, peak.x, peak.y, isCubic: true, dim: dim)
            let squares: Double = vector.map { Double($0) * Double($0) }.reduce(0, +)
            let length: Double = max(squares.squareRoot(), 1e-9)
            return vector.map { Float(Double($0) / length) }
        }
    }

    private func check(_ spec: Manifest.LocalFeatures) throws {
        let cells = maps.rows * maps.columns
        let fits =
            cells > 0 && maps.heat.count == width * height && maps.reliability.count == cells
            && maps.descriptors.count == spec.dim * cells
        let areFinite = [maps.heat, maps.reliability, maps.descriptors].allSatisfy { $0.allSatisfy(\.isFinite) }
        guard fits, areFinite else {
            throw EdgeIdentifyError.damaged(spec.onnx.model, "returns maps of other shapes than the manifest says, or NaN")
        }
    }

    /// The largest value near each one, along lines.
    private static func largestAlong(_ data: [Float], _ length: Int, _ lines: Int, step: Int, stride: Int) -> [Float] {
        var found = [Float](repeating: 0, count: data.count)
        data.withUnsafeBufferPointer { data in
            for line in 0..<lines {
                for at in 0..<length {
                    var most = -Float.infinity
                    for near in max(0, at - radiusPx)...min(length - 1, at + radiusPx) {
                        most = max(most, data[line * stride + near * step])
                    }
                    found[line * stride + at * step] = most
                }
            }
        }
        return found
    }

    /// Interpolates maps at a pixel; cells beyond the edge are those of the edge.
    private func sample(_ cells: [Float], _ pixelX: Int, _ pixelY: Int, isCubic: Bool, dim: Int) -> [Float] {
        let (cellsAcross, cellsDown) = (Double(maps.columns) / Double(width), Double(maps.rows) / Double(height))
        let x: Double = (Double(pixelX) + 0.5) * cellsAcross - 0.5
        let y: Double = (Double(pixelY) + 0.5) * cellsDown - 0.5
        let (left, top) = (x.rounded(.down), y.rounded(.down))
        let across = isCubic ? NetPoints.cubicWeights(x - left) : NetPoints.linearWeights(x - left)
        let down = isCubic ? NetPoints.cubicWeights(y - top) : NetPoints.linearWeights(y - top)
        let before = across.count / 2 - 1
        let count = maps.rows * maps.columns
        var found = [Float](repeating: 0, count: dim)
        for row in down.indices {
            let cellRow = min(max(Int(top) + row - before, 0), maps.rows - 1)
            for column in across.indices {
                let weight = Float(down[row] * across[column])
                let cell = cellRow * maps.columns + min(max(Int(left) + column - before, 0), maps.columns - 1)
                for at in 0..<dim { found[at] += weight * cells[at * count + cell] }
            }
        }
        return found
    }

    private static func linearWeights(_ beyond: Double) -> [Double] {
        [1 - beyond, beyond]
    }

    private static func cubicWeights(_ beyond: Double) -> [Double] {
        [outer(1 + beyond), inner(beyond), inner(1 - beyond), outer(2 - beyond)]
    }

    private static func inner(_ near: Double) -> Double {
        ((cubic + 2) * near - (cubic + 3)) * near * near + 1
    }

    private static func outer(_ far: Double) -> Double {
        ((cubic * far - 5 * cubic) * far + 8 * cubic) * far - 4 * cubic
    }
}
