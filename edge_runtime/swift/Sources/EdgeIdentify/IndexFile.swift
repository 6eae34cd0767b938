/// The FAISS index file of a pack (FORMAT.md, "The index"), and its exact search by cosine similarity.
struct IndexFile {
    /// A vector that was found.
    struct Neighbour {
        let id: Int
        let score: Float

        /// Best first; equal scores by id.
        static func isBetter(_ one: Neighbour, _ other: Neighbour) -> Bool {
            one.score > other.score || (one.score == other.score && one.id < other.id)
        }
    }

    let dim: Int
    let count: Int
    let ids: [Int]
    private let path: String
    private let values: [Float]
    private let codes: [UInt8]
    private let codesAt: Int
    private let offset: [Float]
    private let scale: [Float]

    /// Reads a file whose hash was checked. `kind`, `dim` and `count` are from the manifest.
    init(_ data: [UInt8], kind: String, dim: Int, count: Int, path: String) throws {
        self.path = path
        self.dim = dim
        self.count = count
        var cursor = ByteCursor(data, path: path)
        try IndexFile.header(&cursor, "IxM2", dim, count)
        if kind == "flat" {
            try IndexFile.header(&cursor, "IxFI", dim, count)
            try cursor.expect(dim * count, "values")
            values = try cursor.floats(dim * count)
            (codes, codesAt) = ([], 0)
            offset = [Float](repeating: 0, count: dim)
            scale = [Float](repeating: 1, count: dim)
        } else {
            let trained = try IndexFile.quantiser(&cursor, dim, count)
            // FAISS decodes to the middle of a step.
            let halfStep: Float = 0.5 / 255
            var (offset, scale): ([Float], [Float]) = ([], [])
            for at in 0..<dim {
                let (least, width) = (trained[at], trained[dim + at])
                offset.append(least + width * halfStep)
                scale.append(width / 255)
            }
            (self.offset, self.scale) = (offset, scale)
            try cursor.expect(dim * count, "code bytes")
            values = []
            codesAt = try cursor.skip(dim, times: count)
            codes = data
        }
        try cursor.expect(count, "ids")
        ids = try cursor.longs(count)
        try cursor.finish()
    }

    /// The nearest vectors of a photo, best first; a vector's score is that of its best view. Equal scores are ordered by id.
    ///
    /// `among` are the ids that can be found; nil for all.
    func nearest(_ views: [[Float]], _ k: Int, among: Set<Int>?) throws -> [Neighbour] {
        try nearest(views, k, rows: among.map { some in ids.indices.filter { some.contains(ids[$0]) } })
    }

    /// The nearest among some rows; nil for all.
    func nearest(_ views: [[Float]], _ k: Int, rows: [Int]?) throws -> [Neighbour] {
        var best = [Float](repeating: -.infinity, count: rows?.count ?? count)
        for view in views { try score(view, rows, &best) }
        guard best.allSatisfy(\.isFinite) else { throw EdgeIdentifyError.damaged(path, "holds NaN or infinite values") }
        let least = best.count > k ? best.sorted(by: >)[k - 1] : -.infinity
        let found = best.indices.lazy.filter { best[$0] >= least }.map { at in
            Neighbour(id: ids[rows?[at] ?? at], score: best[at])
        }
        return Array(found.sorted(by: Neighbour.isBetter).prefix(k))
    }

    /// Raises the best scores. q . (offset + scale * code) = q . offset + (q * scale) . code: no code is decoded.
    private func score(_ view: [Float], _ rows: [Int]?, _ best: inout [Float]) throws {
        guard view.count == dim else {
            throw EdgeIdentifyError.damaged(path, "holds vectors of \(dim) numbers, the encoder makes \(view.count)")
        }
        let weights: [Float] = zip(view, scale).map { $0 * $1 }
        var base = 0.0
        for at in 0..<dim { base += Double(view[at]) * Double(offset[at]) }
        weights.withUnsafeBufferPointer { weights in
            values.withUnsafeBufferPointer { values in
                codes.withUnsafeBufferPointer { codes in
                    for at in best.indices {
                        let from = (rows?[at] ?? at) * dim
                        var sum = 0.0
                        if values.isEmpty {
                            for place in 0..<dim { sum += Double(weights[place] * Float(codes[codesAt + from + place])) }
                        } else {
                            for place in 0..<dim { sum += Double(weights[place]) * Double(values[from + place]) }
                        }
                        let found = Float(base + sum)
                        if found > best[at] || found.isNaN { best[at] = found }
                    }
                }
            }
        }
    }

    private static func quantiser(_ cursor: inout ByteCursor, _ dim: Int, _ count: Int) throws -> [Float] {
        try header(&cursor, "IxSQ", dim, count)
        let kind = try cursor.u32()
        try cursor.skip(8) // how the ranges were found
        let (found, codeBytes) = (try cursor.i64(), try cursor.i64())
        guard kind == 0, found == dim, codeBytes == dim else { throw cursor.damaged("its quantiser is not SQ8") }
        try cursor.expect(2 * dim, "quantiser values")
        return try cursor.floats(2 * dim)
    }

    private static func header(_ cursor: inout ByteCursor, _ fourcc: String, _ dim: Int, _ count: Int) throws {
        let (found, foundDim, rows) = (try cursor.ascii(4), try cursor.u32(), try cursor.i64())
        try cursor.skip(16) // two numbers that nobody uses
        let (isTrained, metric) = (try cursor.u8() == 1, try cursor.u32())
        guard found == fourcc, foundDim == dim, rows == count, isTrained, metric == 0 else {
            throw cursor.damaged("has no structure \(fourcc) of \(count) vectors of \(dim)")
        }
    }
}
