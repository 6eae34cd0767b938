/// The binary codes of a large index (`index.signs`), and search by a shortlist of the least Hamming distances.
///
/// All rows of a distance are in the shortlist, or none: every client has the same. The index scores them.
struct BinaryCodes {
    private static let rowsAlignedBytes = 64
    private static let leastAsked = 400
    private static let askedPerAnswer = 40
    private static let mostShare = 20 // beyond a twentieth of the rows, the whole index is scanned

    private let index: IndexFile
    private let mean: [Float]
    private let words: [UInt64]
    private let rowWords: Int

    /// Reads the codes of an index from a file whose hash was checked.
    init(_ data: [UInt8], index: IndexFile, path: String) throws {
        self.index = index
        rowWords = (index.dim + 63) / 64
        var cursor = ByteCursor(data, path: path)
        let magic = try cursor.ascii(8)
        let (dim, rowBytes, count) = (try cursor.u32(), try cursor.u32(), try cursor.i64())
        guard magic == "EISIGNS1", dim == index.dim, rowBytes == 8 * rowWords, count == index.count else {
            throw cursor.damaged("holds other codes than those of \(index.count) vectors of \(index.dim)")
        }
        mean = try cursor.floats(dim)
        guard mean.allSatisfy(\.isFinite) else { throw cursor.damaged("its mean holds NaN or infinite values") }
        let beyond = cursor.position % BinaryCodes.rowsAlignedBytes
        try cursor.skip(beyond == 0 ? 0 : BinaryCodes.rowsAlignedBytes - beyond)
        words = try cursor.longs(rowWords * count).map { UInt64(bitPattern: Int64($0)) }
        try cursor.finish()
    }

    /// The nearest vectors of a photo, as `IndexFile.nearest` finds them; a few may be missed.
    func nearest(_ views: [[Float]], _ k: Int) throws -> [IndexFile.Neighbour] {
        var best: [Int: IndexFile.Neighbour] = [:]
        for view in views {
            for found in try index.nearest([view], k, rows: shortlist(view, k)) {
                if let known = best[found.id], known.score >= found.score { continue }
                best[found.id] = found
            }
        }
        return Array(best.values.sorted(by: IndexFile.Neighbour.isBetter).prefix(k))
    }

    /// Rows; nil if a scan of the whole index costs no more.
    private func shortlist(_ view: [Float], _ k: Int) -> [Int]? {
        var asked = max(BinaryCodes.leastAsked, BinaryCodes.askedPerAnswer * k)
        if asked * BinaryCodes.mostShare > index.count { return nil }
        let distances = self.distances(view)
        while asked * BinaryCodes.mostShare <= index.count {
            let rows = nearer(distances, asked)
            if rows.count >= asked / 2 { return rows }
            asked *= 2
        }
        return nil
    }

    private func distances(_ view: [Float]) -> [Int] {
        var query = [UInt64](repeating: 0, count: rowWords)
        for (at, pair) in zip(view, mean).enumerated() where pair.0 > pair.1 { query[at >> 6] |= 1 << UInt64(at & 63) }
        return (0..<index.count).map { row in
            (0..<rowWords).reduce(0) { $0 + (words[row * rowWords + $1] ^ query[$1]).nonzeroBitCount }
        }
    }

    /// The rows that are strictly nearer than the nearest of the number `asked`, rising.
    private func nearer(_ distances: [Int], _ asked: Int) -> [Int] {
        var histogram = [Int](repeating: 0, count: 64 * rowWords + 1)
        for distance in distances { histogram[distance] += 1 }
        var (limit, together) = (0, histogram[0])
        while together < asked {
            limit += 1
            together += histogram[limit]
        }
        return distances.indices.filter { distances[$0] < limit }
    }
}
