import Foundation
import XCTest

@testable import EdgeIdentify

private final class TestDevice: TrustedTarget.Device {
    let pinned: TrustedTarget.Pinned
    let files: [String: [UInt8]]
    var kept: [String: [UInt8]]

    init(_ pinned: TrustedTarget.Pinned, _ files: [String: [UInt8]], kept: [String: [UInt8]] = [:]) {
        self.pinned = pinned
        self.files = files
        self.kept = kept
    }

    func fetch(_ path: String, maxBytes: Int) throws -> [UInt8]? { files[String(path.dropFirst("tuf/".count))] }

    func stored(_ key: String) -> [UInt8]? { kept[key] }

    func keep(_ key: String, _ data: [UInt8]) throws { kept[key] = data }
}

/// Signed repositories, good and attacking: `tests/attacks/vectors`.
final class SignatureTests: XCTestCase {
    func testGoodRepositoriesAreTrustedAndAttackingOnesAreRefused() throws {
        let document = try self.document()
        for each in try document.objects("cases") {
            let name = try each.text("name")
            var (kept, pinned): ([String: [UInt8]], [UInt8]?) = ([:], nil)
            for step in try each.objects("steps") {
                let files = try files(step, document.object("texts"))
                pinned = try pinned ?? files[each.text("pinned")]
                let device = TestDevice(.root(try XCTUnwrap(pinned)), files, kept: kept)
                XCTAssertEqual(try verdict(each, device), try step.text("verdict"), name)
                kept = device.kept
            }
        }
    }

    func testARootIsFoundByItsFingerprint() throws {
        let document = try self.document()
        let first = try document.objects("cases")[0]
        let files = try files(first.objects("steps")[0], document.object("texts"))
        for (name, expected) in [("1.root.json", "1.0.0"), ("timestamp.json", "refused")] {
            let fingerprint = Hashing.sha256(try XCTUnwrap(files[name]))
            XCTAssertEqual(try verdict(first, TestDevice(.fingerprint(fingerprint), files)), expected)
        }
    }

    private func document() throws -> JsonObject {
        let data = [UInt8](try Data(contentsOf: Vectors.tests.appendingPathComponent("attacks/vectors/vectors.json")))
        return try JsonObject(Json.parse(data, where: "vectors"), path: "vectors")
    }

    private func files(_ step: JsonObject, _ texts: JsonObject) throws -> [String: [UInt8]] {
        try step.object("files").values.compactMapValues { key in
            key.asText.map { Array((texts.values[$0]?.asText ?? $0).utf8) }
        }
    }

    private func verdict(_ of: JsonObject, _ device: TestDevice) throws -> String {
        let now = try XCTUnwrap(ISO8601DateFormatter().date(from: of.text("now")))
        do {
            return try TrustedTarget.find(of.text("pack"), now: now, device)?.version ?? "absent"
        } catch let error as EdgeIdentifyError where error.code == .untrusted || error.code == .packFormat {
            return "refused"
        }
    }
}
