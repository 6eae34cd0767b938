import Foundation

/// Which version of a pack its publisher wants now: the client profile of TUF. PROTOCOL.md has the steps.
public struct TrustedTarget: Sendable {
    public let version: String
    /// Of the manifest.
    public let lengthBytes: Int
    /// Of the manifest.
    public let sha256: String

    /// What came with the app.
    public enum Pinned: Sendable {
        /// The publisher's root.
        case root([UInt8])
        /// The SHA-256 of the publisher's root.
        case fingerprint(String)
    }

    /// What a device has and can do.
    public protocol Device {
        var pinned: Pinned { get }

        /// Returns a file of the server; nil for status 404 or 403. It stops at `maxBytes`, or returns more.
        func fetch(_ path: String, maxBytes: Int) throws -> [UInt8]?

        /// Returns what was kept under a key; nil if nothing was.
        func stored(_ key: String) -> [UInt8]?

        /// Keeps a verified file under a key: for this server alone, and until the next time.
        func keep(_ key: String, _ data: [UInt8]) throws
    }

    /// Verifies a server's metadata and returns the target of a pack; nil: the publisher has no such pack, or has withdrawn it.
    ///
    /// Throws `untrusted`: a signature, a version, an expiry or a file is not as it should be. It calls `fetch` a few times, one
    /// after another: call it off the main thread.
    public static func find(_ packName: String, now: Date, _ device: Device) throws -> TrustedTarget? {
        let formatter = ISO8601DateFormatter() // UTC, without fractions
        let path = try PackNames.checkedPackName(packName) + "/pack.json"
        return try Verification(now: formatter.string(from: now), device: device).target(path)
    }
}

private struct Verification {
    private static let limits = ["root": 512_000, "timestamp": 16_384, "snapshot": 2_000_000, "targets": 5_000_000]
    private static let mostRoots = 256
    private static let reserved = ["root", "targets", "snapshot", "timestamp", "online"]

    let now: String
    let device: TrustedTarget.Device

    func target(_ path: String) throws -> TrustedTarget? {
        let root = try self.root()
        let timestamp = try self.timestamp(role(root, "timestamp"))
        let snapshot = try named("snapshot", "snapshot", timestamp, role(root, "snapshot"), key: "snapshot")
        let targets = try named("targets", "targets", snapshot, role(root, "targets"), key: "targets")
        return try target(in: targets, path) ?? delegated(targets, snapshot, path)
    }

    /// The newest root.
    private func root() throws -> MetadataFile {
        var root = try MetadataFile(device.stored("root") ?? pinnedRoot(), type: "root", path: "root.json")
        try check(root, role(root, "root"))
        for _ in 0..<Verification.mostRoots {
            let path = "\(root.version + 1).root.json"
            guard let data = try fetched(path, "root") else { break }
            let next = try MetadataFile(data, type: "root", path: path)
            try check(next, role(root, "root"))
            try check(next, role(next, "root"))
            guard next.version == root.version + 1 else {
                throw EdgeIdentifyError.untrusted("\(path): has the version \(next.version)")
            }
            root = next
            try device.keep("root", data)
        }
        try checkExpiry(root)
        return root
    }

    private func pinnedRoot() throws -> [UInt8] {
        switch device.pinned {
        case .root(let data): return data
        case .fingerprint(let text):
            let fingerprint = try PackNames.checkedSha256(text)
            for version in 1...Verification.mostRoots {
                guard let data = try fetched("\(version).root.json", "root") else { break }
                if Hashing.sha256(data) == fingerprint { return data }
            }
            throw EdgeIdentifyError.untrusted("no root of the server has the fingerprint \(fingerprint.prefix(12))...")
        }
    }

    private func timestamp(_ role: MetadataFile.Role) throws -> MetadataFile {
        let stored = try self.stored("timestamp", "timestamp", role)
        let data = try needed("timestamp.json", "timestamp")
        let found = try MetadataFile(data, type: "timestamp", path: "timestamp.json")
        try check(found, role)
        if let stored {
            try checkNotLower(found.version, stored.version, found.path)
            try checkNotLower(version(found, "snapshot"), version(stored, "snapshot"), "snapshot.json")
        }
        let newest = stored?.version == found.version ? stored ?? found : found
        try checkExpiry(newest)
        try device.keep("timestamp", newest.data)
        return newest
    }

    /// A file of which another one names version, and perhaps length and hash.
    private func named(
        _ file: String, _ type: String, _ naming: MetadataFile, _ role: MetadataFile.Role, key: String
    ) throws -> MetadataFile {
        let version = try self.version(naming, file)
        let stored = try self.stored(key, type, role)
        let isHere = stored?.version == version
        let found = isHere ? stored : nil
        let newest = try found ?? newer("\(version).\(file).json", type, version, entry(naming, file), role)
        if type == "snapshot", let stored { try checkNoneLost(newest, stored) }
        try checkExpiry(newest)
        try device.keep(key, newest.data)
        return newest
    }

    private func newer(
        _ path: String, _ type: String, _ version: Int, _ entry: [String: Json], _ role: MetadataFile.Role
    ) throws -> MetadataFile {
        let data = try needed(path, type)
        let hash = entry["hashes"]?.asObject?["sha256"]
        let hasLength = entry["length"].map { $0 == .whole(data.count) } ?? true
        let hasHash = hash.map { $0 == .text(Hashing.sha256(data)) } ?? true
        guard hasLength, hasHash else { throw EdgeIdentifyError.untrusted("\(path): is not the file that the metadata names") }
        let found = try MetadataFile(data, type: type, path: path)
        try check(found, role)
        guard found.version == version else { throw EdgeIdentifyError.untrusted("\(path): has the version \(found.version)") }
        return found
    }

    /// What the first maker says to whom the path is delegated; nil if there is none.
    private func delegated(_ targets: MetadataFile, _ snapshot: MetadataFile, _ path: String) throws -> TrustedTarget? {
        let delegations = targets.signed["delegations"]?.asObject
        let makers = (delegations?["roles"]?.asList ?? []).compactMap(\.asObject)
        guard let maker = makers.first(where: { Verification.isFor($0["paths"], path) }) else { return nil }
        let name = try PackNames.checkedPackName(maker["name"]?.asText ?? "") // the same pattern
        guard !Verification.reserved.contains(name) else {
            throw EdgeIdentifyError.untrusted("targets.json: \(name) is no maker")
        }
        let role = try MetadataFile.Role(
            .object(maker, order: []), delegations?["keys"], path: "targets.json: \(name)")
        return try target(in: named(name, "targets", snapshot, role, key: "maker-\(name)"), path)
    }

    /// What was kept, if the role of today has still signed it.
    private func stored(_ key: String, _ type: String, _ role: MetadataFile.Role) throws -> MetadataFile? {
        guard let data = device.stored(key) else { return nil }
        let found = try MetadataFile(data, type: type, path: "\(key) of before")
        return try found.isSigned(by: role) ? found : nil
    }

    private func fetched(_ path: String, _ type: String) throws -> [UInt8]? {
        let most = Verification.limits[type] ?? 0
        guard let data = try device.fetch("tuf/\(path)", maxBytes: most) else { return nil }
        guard data.count <= most else { throw EdgeIdentifyError.untrusted("\(path): is longer than \(most) bytes") }
        return data
    }

    private func needed(_ path: String, _ type: String) throws -> [UInt8] {
        guard let data = try fetched(path, type) else {
            throw EdgeIdentifyError.untrusted("\(path): is missing on the server")
        }
        return data
    }

    private func check(_ file: MetadataFile, _ role: MetadataFile.Role) throws {
        guard try file.isSigned(by: role) else { throw EdgeIdentifyError.untrusted("\(file.path): is not signed by its role") }
    }

    private func checkExpiry(_ file: MetadataFile) throws {
        guard file.expires > now else { throw EdgeIdentifyError.untrusted("\(file.path): expired on \(file.expires)") }
    }

    private func checkNoneLost(_ found: MetadataFile, _ stored: MetadataFile) throws {
        for file in (stored.signed["meta"]?.asObject ?? [:]).keys {
            let name = file.hasSuffix(".json") ? String(file.dropLast(5)) : file
            try checkNotLower(version(found, name), version(stored, name), file)
        }
    }

    private func checkNotLower(_ found: Int, _ before: Int, _ path: String) throws {
        guard found >= before else {
            throw EdgeIdentifyError.untrusted("\(path): has the version \(found), but \(before) was seen before")
        }
    }

    private func role(_ root: MetadataFile, _ name: String) throws -> MetadataFile.Role {
        try MetadataFile.Role(root.signed["roles"]?.asObject?[name], root.signed["keys"], path: "\(root.path): \(name)")
    }

    private func entry(_ naming: MetadataFile, _ file: String) throws -> [String: Json] {
        guard let found = naming.signed["meta"]?.asObject?["\(file).json"]?.asObject else {
            throw EdgeIdentifyError.untrusted("\(naming.path): does not name \(file).json")
        }
        return found
    }

    private func version(_ naming: MetadataFile, _ file: String) throws -> Int {
        try MetadataFile.checkedVersion(entry(naming, file)["version"], naming.path)
    }

    private func target(in targets: MetadataFile, _ path: String) throws -> TrustedTarget? {
        guard let value = targets.signed["targets"]?.asObject?[path] else { return nil }
        guard let found = value.asObject, let hash = found["hashes"]?.asObject?["sha256"]?.asText,
            let version = found["custom"]?.asObject?["version"]?.asText, let length = found["length"]?.asWhole
        else { throw EdgeIdentifyError.untrusted("\(targets.path): \(path) has no version, length or hash") }
        return TrustedTarget(
            version: try PackNames.checkedVersion(version), lengthBytes: length, sha256: try PackNames.checkedSha256(hash))
    }

    /// Whether one of the patterns fits: `*` stands for any characters but a slash.
    private static func isFor(_ patterns: Json?, _ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return (patterns?.asList ?? []).compactMap(\.asText).contains { pattern in
            let wanted = pattern.split(separator: "/", omittingEmptySubsequences: false)
            return wanted.count == parts.count && zip(wanted, parts).allSatisfy { isAlike(Array($0.utf8), Array($1.utf8)) }
        }
    }

    private static func isAlike(_ pattern: [UInt8], _ part: [UInt8]) -> Bool {
        let pieces = pattern.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
        guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else { return pattern == part }
        guard part.starts(with: first), part.count >= first.count + last.count, part.suffix(last.count).elementsEqual(last) else {
            return false
        }
        var rest = part[first.count..<part.count - last.count]
        for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
            while rest.count >= piece.count, !rest.starts(with: piece) { rest = rest.dropFirst() }
            guard rest.starts(with: piece) else { return false }
            rest = rest.dropFirst(piece.count)
        }
        return true
    }
}
