/// Reads little-endian numbers of a file from outside. Every length is compared with the file before memory is taken.
struct ByteCursor {
    let data: [UInt8]
    let path: String
    private(set) var position = 0

    init(_ data: [UInt8], path: String) {
        self.data = data
        self.path = path
    }

    mutating func ascii(_ length: Int) throws -> String {
        let start = try skip(length)
        return String(decoding: data[start..<position], as: UTF8.self)
    }

    mutating func u8() throws -> Int {
        Int(data[try skip(1)])
    }

    mutating func u16() throws -> Int {
        try number(2)
    }

    mutating func u32() throws -> Int {
        try number(4)
    }

    /// A 64-bit number; one from 2^63 on is negative, and no expected count.
    mutating func i64() throws -> Int {
        try number(8)
    }

    mutating func floats(_ count: Int) throws -> [Float] {
        let start = try skip(4, times: count)
        return (0..<count).map { Float(bitPattern: UInt32(truncatingIfNeeded: word(start + 4 * $0, 4))) }
    }

    mutating func longs(_ count: Int) throws -> [Int] {
        let start = try skip(8, times: count)
        return (0..<count).map { word(start + 8 * $0, 8) }
    }

    /// Passes bytes and returns where they begin.
    @discardableResult
    mutating func skip(_ length: Int, times count: Int = 1) throws -> Int {
        let (bytes, isTooLarge) = length.multipliedReportingOverflow(by: count)
        guard !isTooLarge, bytes >= 0, bytes <= data.count - position else {
            throw damaged("ends after \(data.count) bytes")
        }
        position += bytes
        return position - bytes
    }

    mutating func expect(_ expected: Int, _ what: String) throws {
        let found = try i64()
        guard found == expected else { throw damaged("announces \(found) \(what) where \(expected) were expected") }
    }

    func finish() throws {
        guard position == data.count else { throw damaged("has \(data.count - position) bytes after its end") }
    }

    func damaged(_ found: String) -> EdgeIdentifyError {
        .damaged(path, found)
    }

    private mutating func number(_ bytes: Int) throws -> Int {
        word(try skip(bytes), bytes)
    }

    private func word(_ start: Int, _ bytes: Int) -> Int {
        var found: UInt64 = 0
        for at in 0..<bytes { found |= UInt64(data[start + at]) << UInt64(8 * at) }
        return Int(bitPattern: UInt(found))
    }
}
