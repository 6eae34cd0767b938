/// Reads plain tables of a SQLite file: its b-tree pages, without SQL (https://www.sqlite.org/fileformat2.html).
///
/// Every offset is checked: the content may be hostile even if its hash is right.
final class SqliteFile {
    enum Value: Equatable {
        case null
        case whole(Int)
        case real(Double)
        case text(String)
        case blob([UInt8])

        var asText: String? {
            if case .text(let found) = self { return found }
            return nil
        }

        var asWhole: Int? {
            if case .whole(let found) = self { return found }
            return nil
        }

        /// SQLite stores a whole REAL as an integer.
        var asNumber: Double? {
            if case .real(let found) = self { return found }
            return asWhole.map(Double.init)
        }
    }

    /// What a CREATE TABLE statement says. A table without row ids stores its key first.
    private struct Table {
        let root: Int
        let isWithoutRowId: Bool
        var stored: [String] = []
        var rowId: String?
    }

    private struct Page {
        let start: Int
        let header: Int
        let cells: Int
        let isLeaf: Bool
        let isIndex: Bool
        var pointers: Int { header + (isLeaf ? 8 : 12) }
    }

    private static let headerBytes = 100
    private static let mostEntries = 100 // of a schema; a pack's files have four
    private static let mostDepth = 24 // of a b-tree; that of a million rows has four levels

    private let data: [UInt8]
    private let path: String
    private let maxRowBytes: Int
    private let pageBytes: Int
    private let usableBytes: Int
    private let pageCount: Int
    private var tables: [String: Table] = [:]

    /// Reads the schema of a file whose hash was checked.
    init(_ data: [UInt8], maxRowBytes: Int, path: String) throws {
        guard data.count >= SqliteFile.headerBytes, data.starts(with: "SQLite format 3\0".utf8) else {
            throw EdgeIdentifyError.damaged(path, "does not begin like a SQLite file")
        }
        self.data = data
        self.path = path
        self.maxRowBytes = maxRowBytes
        let bytes = Int(data[16]) << 8 | Int(data[17])
        pageBytes = bytes == 1 ? 65536 : bytes
        usableBytes = pageBytes - Int(data[20])
        pageCount = pageBytes == 0 ? 0 : data.count / pageBytes
        let isPower = pageBytes >= 512 && pageBytes & (pageBytes - 1) == 0
        guard isPower, usableBytes >= 480, data[56...58].allSatisfy({ $0 == 0 }), data[59] <= 1 else {
            throw damaged("has pages or texts of another kind")
        }
        var entries: [[Value]] = []
        var visited = 0
        try walk(1, false, &visited, 0) { record, _ in entries.append(try self.values(record, 5)) }
        for entry in entries { try addEntry(entry) }
    }

    func has(_ name: String) -> Bool {
        tables[name] != nil
    }

    /// The row with a row id; nil if there is none.
    func row(_ name: String, _ rowId: Int, _ columns: [String]) throws -> [Value]? {
        let table = try self.table(name)
        return try byRowId(table, rowId).map { try picked(table, name, $0, rowId, columns) }
    }

    /// The row of a table without row ids with a text as its first column; nil if there is none.
    func row(_ name: String, key: String, _ columns: [String]) throws -> [Value]? {
        let table = try self.table(name)
        return try byText(table, Array(key.utf8)).map { try picked(table, name, $0, 0, columns) }
    }

    /// Passes every row of a table, in the order of its key.
    func eachRow(_ name: String, _ columns: [String], _ use: ([Value]) throws -> Void) throws {
        let table = try self.table(name)
        var visited = 0
        try walk(table.root, table.isWithoutRowId, &visited, 0) { record, rowId in
            try use(self.picked(table, name, record, rowId, columns))
        }
    }

    private func addEntry(_ entry: [Value]) throws {
        let sql = entry[4].asText
        let isOwnIndex = entry[0] == .text("index") && entry[4] == .null // of a primary key
        let isTable = entry[0] == .text("table")
        let isKnown = isTable || entry[0] == .text("index")
        guard isKnown, isOwnIndex || sql.map(SqliteFile.isPermitted) == true, let root = entry[3].asWhole,
            tables.count <= SqliteFile.mostEntries
        else { throw damaged("holds something that is neither a table nor an index") }
        if isTable, let name = entry[1].asText, let sql { tables[name] = try tableOf(sql, root) }
    }

    /// Whether a statement makes a table or an index: no view, no trigger, no virtual table.
    private static func isPermitted(_ sql: String) -> Bool {
        let words = sql.uppercased().split(whereSeparator: \.isWhitespace).prefix(3)
        return words.starts(with: ["CREATE", "TABLE"]) || words.starts(with: ["CREATE", "INDEX"])
            || words.starts(with: ["CREATE", "UNIQUE", "INDEX"])
    }

    private func tableOf(_ sql: String, _ root: Int) throws -> Table {
        let plain = SqliteFile.withoutComments(sql)
        guard let open = plain.firstIndex(of: "("), let close = plain.lastIndex(of: ")"), open < close else {
            throw damaged("has a malformed table")
        }
        let options = plain[close...].uppercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        var table = Table(root: root, isWithoutRowId: options.contains("WITHOUT ROWID"))
        for definition in SqliteFile.definitions(String(plain[plain.index(after: open)..<close])) {
            let words = definition.split(whereSeparator: \.isWhitespace)
            let rest = words.dropFirst().joined(separator: " ").uppercased()
            let name = words[0].trimmingPrefixAndSuffix("\"'`[]")
            let isKey = table.isWithoutRowId && rest.contains("PRIMARY KEY")
            table.stored.insert(name, at: isKey ? 0 : table.stored.count)
            if !table.isWithoutRowId, rest.hasPrefix("INTEGER PRIMARY KEY") { table.rowId = name }
        }
        return table
    }

    private static func withoutComments(_ sql: String) -> String {
        let lines = sql.split(separator: "\n", omittingEmptySubsequences: false).map { line -> Substring in
            var end = line.startIndex
            while end < line.endIndex, !line[end...].hasPrefix("--") { end = line.index(after: end) }
            return line[..<end]
        }
        return lines.joined(separator: "\n")
    }

    /// The definitions between the brackets, split at the commas that are in no brackets, without table constraints.
    private static func definitions(_ inner: String) -> [String] {
        var parts = [""]
        var depth = 0
        for sign in inner {
            depth += sign == "(" ? 1 : sign == ")" ? -1 : 0
            if sign == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(sign) }
        }
        let constraints = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"]
        return parts.filter { part in
            guard let word = part.split(whereSeparator: { $0.isWhitespace || $0 == "(" }).first else { return false }
            return !constraints.contains(word.uppercased())
        }
    }

    private func table(_ name: String) throws -> Table {
        guard let found = tables[name] else { throw damaged("has no table \(name)") }
        return found
    }

    private func picked(_ table: Table, _ name: String, _ record: [UInt8], _ rowId: Int, _ columns: [String]) throws -> [Value] {
        let stored = try values(record, table.stored.count)
        return try columns.map { column in
            guard let place = table.stored.firstIndex(of: column) else {
                throw damaged("its table \(name) has no column \(column)")
            }
            return column == table.rowId ? .whole(rowId) : stored[place]
        }
    }

    private func walk(
        _ number: Int, _ isIndex: Bool, _ visited: inout Int, _ depth: Int, _ use: ([UInt8], Int) throws -> Void
    ) throws {
        visited += 1
        guard visited <= pageCount, depth <= SqliteFile.mostDepth else { throw damaged("has pages in a loop") }
        let page = try self.page(number, isIndex)
        for cell in 0..<page.cells {
            if !page.isLeaf { try walk(child(page, cell), isIndex, &visited, depth + 1, use) }
            if page.isLeaf || isIndex { try use(record(page, cell), isIndex ? 0 : rowId(page, cell)) }
        }
        if !page.isLeaf { try walk(child(page, page.cells), isIndex, &visited, depth + 1, use) }
    }

    private func byRowId(_ table: Table, _ wanted: Int) throws -> [UInt8]? {
        var number = table.root
        for _ in 0..<SqliteFile.mostDepth {
            let page = try self.page(number, false)
            let at = try firstCell(page) { try self.rowId(page, $0) >= wanted }
            if page.isLeaf { return try at < page.cells && rowId(page, at) == wanted ? record(page, at) : nil }
            number = try child(page, at)
        }
        throw damaged("has pages that are nested too deeply")
    }

    private func byText(_ table: Table, _ wanted: [UInt8]) throws -> [UInt8]? {
        var number = table.root
        for _ in 0..<SqliteFile.mostDepth {
            let page = try self.page(number, true)
            let at = try firstCell(page) { try self.compareKey(self.record(page, $0), wanted) >= 0 }
            if at < page.cells {
                let found = try record(page, at)
                if try compareKey(found, wanted) == 0 { return found }
            }
            if page.isLeaf { return nil }
            number = try child(page, at)
        }
        throw damaged("has pages that are nested too deeply")
    }

    private func firstCell(_ page: Page, _ holds: (Int) throws -> Bool) rethrows -> Int {
        var (low, high) = (0, page.cells)
        while low < high {
            let middle = (low + high) / 2
            if try holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Compares a record's first column with a text, by bytes. Other types come before texts, blobs after them.
    private func compareKey(_ record: [UInt8], _ wanted: [UInt8]) throws -> Int {
        var place = 0
        let header = try varint(record, &place)
        let type = try varint(record, &place)
        if type < 13 || type % 2 == 0 { return type >= 12 ? 1 : -1 }
        let length = (type - 13) / 2
        guard (0...record.count).contains(header), length <= record.count - header else {
            throw damaged("has a row that ends within a value")
        }
        let found = record[header..<header + length]
        if found.lexicographicallyPrecedes(wanted) { return -1 }
        return found.elementsEqual(wanted) ? 0 : 1
    }

    private func page(_ number: Int, _ isIndex: Bool) throws -> Page {
        guard (1...max(1, pageCount)).contains(number), pageCount > 0 else { throw damaged("has no page \(number)") }
        let start = (number - 1) * pageBytes
        let header = start + (number == 1 ? SqliteFile.headerBytes : 0)
        let isLeaf = data[header] == (isIndex ? 10 : 13)
        guard isLeaf || data[header] == (isIndex ? 2 : 5) else { throw damaged("has a page of another kind") }
        let cells = Int(data[header + 3]) << 8 | Int(data[header + 4])
        let page = Page(start: start, header: header, cells: cells, isLeaf: isLeaf, isIndex: isIndex)
        guard page.pointers + 2 * cells <= start + usableBytes else { throw damaged("has a page of \(cells) cells") }
        return page
    }

    private func cellAt(_ page: Page, _ cell: Int) throws -> Int {
        let place = page.pointers + 2 * cell
        let at = Int(data[place]) << 8 | Int(data[place + 1])
        guard at + 4 <= usableBytes else { throw damaged("has a cell outside its page") }
        return page.start + at
    }

    /// The child page before a cell; that of the cell after the last is the last child.
    private func child(_ page: Page, _ cell: Int) throws -> Int {
        u32(cell == page.cells ? page.header + 8 : try cellAt(page, cell))
    }

    private func rowId(_ page: Page, _ cell: Int) throws -> Int {
        var place = try cellAt(page, cell) + (page.isLeaf ? 0 : 4)
        if page.isLeaf { _ = try varint(data, &place) }
        return try varint(data, &place)
    }

    private func record(_ page: Page, _ cell: Int) throws -> [UInt8] {
        var place = try cellAt(page, cell) + (page.isLeaf ? 0 : 4)
        let length = try varint(data, &place)
        if !page.isIndex { _ = try varint(data, &place) }
        guard (0...maxRowBytes).contains(length) else { throw damaged("has a row of \(length) bytes, more than \(maxRowBytes)") }
        return try payload(place, length, page.start + usableBytes, page.isIndex)
    }

    /// A record, joined from its overflow pages.
    private func payload(_ at: Int, _ length: Int, _ pageEnd: Int, _ isIndex: Bool) throws -> [UInt8] {
        let most = isIndex ? (usableBytes - 12) * 64 / 255 - 23 : usableBytes - 35
        let least = (usableBytes - 12) * 32 / 255 - 23
        let beyond = (length - least) % (usableBytes - 4)
        let surplus = least + (beyond < 0 ? beyond + usableBytes - 4 : beyond)
        let here = length <= most ? length : surplus <= most ? surplus : least
        guard at + here + (here < length ? 4 : 0) <= pageEnd else { throw damaged("has a row outside its page") }
        var record = Array(data[at..<at + here])
        var next = here < length ? u32(at + here) : 0
        while record.count < length {
            guard next >= 1, next <= pageCount else { throw damaged("has no page \(next)") }
            let start = (next - 1) * pageBytes
            record += data[start + 4..<start + 4 + min(usableBytes - 4, length - record.count)]
            next = u32(start)
        }
        return record
    }

    /// The first values of a record; those that are missing are null.
    private func values(_ record: [UInt8], _ most: Int) throws -> [Value] {
        var place = 0
        let header = try varint(record, &place)
        guard (0...record.count).contains(header) else { throw damaged("has a row that ends within its header") }
        var at = header
        var found: [Value] = []
        while found.count < most, place < header {
            let type = try varint(record, &place)
            guard let length = SqliteFile.length(of: type), length <= record.count - at else {
                throw damaged("has a row that ends within a value")
            }
            found.append(try value(record, at, length, type))
            at += length
        }
        return found + [Value](repeating: .null, count: most - found.count)
    }

    private static func length(of type: Int) -> Int? {
        if type >= 12 { return (type - 12) / 2 }
        return (0..<10).contains(type) ? [0, 1, 2, 3, 4, 6, 8, 8, 0, 0][type] : nil
    }

    private func value(_ record: [UInt8], _ at: Int, _ length: Int, _ type: Int) throws -> Value {
        switch type {
        case 0: return .null
        case 8, 9: return .whole(type - 8)
        case 1...6: return .whole(SqliteFile.signed(record[at..<at + length]))
        case 7: return .real(Double(bitPattern: UInt64(bitPattern: Int64(SqliteFile.signed(record[at..<at + 8])))))
        default:
            let bytes = Array(record[at..<at + length])
            if type % 2 == 0 { return .blob(bytes) }
            guard let text = Utf8.decoded(bytes) else { throw damaged("has a text that is not UTF-8") }
            return .text(text)
        }
    }

    /// A big-endian number in two's complement.
    private static func signed(_ bytes: ArraySlice<UInt8>) -> Int {
        var found = bytes.first.map { Int(Int8(bitPattern: $0)) } ?? 0
        for byte in bytes.dropFirst() { found = found << 8 | Int(byte) }
        return found
    }

    private func u32(_ at: Int) -> Int {
        var found = 0
        for byte in data[at..<at + 4] { found = found << 8 | Int(byte) }
        return found
    }

    private func varint(_ bytes: [UInt8], _ place: inout Int) throws -> Int {
        var found: UInt64 = 0
        for count in 0..<9 where place < bytes.count {
            let next = bytes[place]
            place += 1
            if count == 8 { return Int(Int64(bitPattern: found << 8 | UInt64(next))) }
            found = found << 7 | UInt64(next & 127)
            if next < 128 { return Int(Int64(bitPattern: found)) }
        }
        throw damaged("ends within a number")
    }

    private func damaged(_ found: String) -> EdgeIdentifyError {
        .damaged(path, found)
    }
}

extension Substring {
    fileprivate func trimmingPrefixAndSuffix(_ signs: String) -> String {
        String(drop { signs.contains($0) }.prefix { !signs.contains($0) })
    }
}
