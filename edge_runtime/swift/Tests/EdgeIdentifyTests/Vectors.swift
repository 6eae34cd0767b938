import Foundation
import XCTest

@testable import EdgeIdentify

/// Reading the vectors that Python makes. `EDGE_VECTORS` names the repository's folder `tests`; by default it is found from here.
enum Vectors {
    static let tests: URL = {
        if let folder = ProcessInfo.processInfo.environment["EDGE_VECTORS"] { return URL(fileURLWithPath: folder) }
        return URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../../tests").standardized
    }()

    static let folder = tests.appendingPathComponent("conformance/vectors")

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    static func document(_ name: String) throws -> JsonObject {
        try JsonObject(Json.parse(bytes("\(name).json"), where: name), path: name)
    }

    static func list(_ name: String) throws -> [JsonObject] {
        let values = try XCTUnwrap(Json.parse(bytes("\(name).json"), where: name).asList)
        return try values.map { try JsonObject($0, path: name) }
    }
}

extension JsonObject {
    func int(_ key: String) throws -> Int {
        try whole(key, Int.min...Int.max)
    }

    func floats(_ key: String) throws -> [Float] {
        try numbers(key).map { Float($0) }
    }

    func base64(_ key: String) throws -> [UInt8] {
        [UInt8](try XCTUnwrap(Data(base64Encoded: text(key))))
    }

    func image(_ key: String) throws -> Image {
        let fields = try object(key)
        return try Image(data: fields.base64("data"), width: fields.int("width"), height: fields.int("height"))
    }
}

func assertNear(_ found: [Double], _ expected: [Double], _ tolerance: Double, _ what: String) {
    XCTAssertEqual(found.count, expected.count, what)
    for (one, other) in zip(found, expected) where !(abs(one - other) <= tolerance) {
        XCTFail("\(what): \(one), expected \(other)")
        return
    }
}

func assertRefused(_ code: String, _ what: String, _ action: () throws -> Void) {
    do {
        try action()
        XCTFail("\(what) was not refused")
    } catch let error as EdgeIdentifyError {
        XCTAssertEqual(error.code.rawValue, code, "\(what): \(error.message)")
    } catch {
        XCTFail("\(what): \(error)")
    }
}

/// Cuts a file at many places and prolongs it: each must be refused as damage.
func assertRefusesEveryCut(_ data: [UInt8], _ what: String, _ read: ([UInt8]) throws -> Void) {
    for length in stride(from: 0, to: data.count, by: max(1, data.count / 97)) {
        assertRefused("pack-damaged", "\(what) of \(length) bytes") { try read(Array(data.prefix(length))) }
    }
    assertRefused("pack-damaged", "\(what) prolonged") { try read(data + [0]) }
}
