import Foundation
import XCTest

@testable import EdgeIdentify

/// The encoder of the vectors' pack, without ONNX Runtime: the mean colour of the pixels as a unit vector.
private struct MeanColours: ImageEncoder {
    func embed(_ pixels: [UInt8], count: Int) throws -> [[Float]] {
        let length = pixels.count / count
        return (0..<count).map { image in
            var sums = [0.0, 0.0, 0.0]
            for at in 0..<length { sums[at % 3] += Double(pixels[image * length + at]) }
            let norm = sums.map { $0 * $0 }.reduce(0, +).squareRoot()
            return sums.map { Float(norm == 0 ? 0 : $0 / norm) }
        }
    }
}

private struct TestRuntime: EdgeIdentify.Runtime {
    let conformance: Image

    func imageEncoder(_ pack: Pack, _ variant: Manifest.Variant) throws -> ImageEncoder {
        XCTAssertFalse(try pack.file(variant.model).isEmpty)
        return MeanColours()
    }

    func decode(_ file: [UInt8]) throws -> Image { conformance }
}

/// A storage that changes what another one returns.
private struct ChangedStorage: Storage {
    let whole: FolderStorage
    let change: (String, [UInt8]) throws -> [UInt8]

    func read(_ path: String) throws -> [UInt8] { try change(path, whole.read(path)) }
}

final class PackTests: XCTestCase {
    func testGoodManifestsAreReadAndBadOnesAreRefused() throws {
        for each in try Vectors.list("manifests") {
            let (name, data) = (try each.text("name"), Array(try each.text("text").utf8))
            if each.has("refused") {
                assertRefused("pack-\(try each.text("refused"))", name) { _ = try Manifest(data) }
                continue
            }
            let manifest = try Manifest(data)
            XCTAssertEqual([manifest.name, manifest.version], [try each.text("pack"), try each.text("version")], name)
            XCTAssertEqual(try manifest.filesFor(["onnx-fp32"]).map(\.path), try each.texts("files"), name)
            XCTAssertEqual(manifest.preprocessing.photoViews, try each.numbers("photo_views"), name)
            XCTAssertEqual(try manifest.variantsToKeep(runtime: "onnx"), ["onnx-fp32"])
            assertRefused("pack-no-encoder", "Core ML") { _ = try manifest.variantsToKeep(runtime: "coreml") }
            assertRefused("pack-format", "an unknown variant") { _ = try manifest.filesFor(["onnx-int3"]) }
        }
    }

    func testGoodListingsAreReadAndBadOnesAreRefused() throws {
        for each in try Vectors.list("listings") {
            let (name, data) = (try each.text("name"), Array(try each.text("text").utf8))
            if each.has("refused") {
                assertRefused("pack-\(try each.text("refused"))", name) { _ = try Listing.parse(data) }
                continue
            }
            let newest = try Listing.parse(data).map { ($0.name, Json.text($0.versions[0].version)) }
            XCTAssertEqual(Dictionary(uniqueKeysWithValues: newest), try each.object("newest").values, name)
        }
        XCTAssertEqual(Listing.manifestPath("art", "1.0.0"), "manifests/art/1.0.0.json")
        XCTAssertEqual(Listing.blobPath("abcd"), "blobs/sha256/ab/abcd")
    }

    func testPhotosAreAnsweredAsInPython() throws {
        let identifier = try identifier()
        XCTAssertGreaterThan(try identifier.selfTest(), 0.99)
        let cases = String(decoding: try identifier.pack.file(identifier.manifest.conformanceFile), as: UTF8.self)
        let conformance = try Vectors.document("answers").image("conformance")
        XCTAssertTrue(cases.contains(Hashing.sha256(identifier.manifest.preprocessing.pixels(conformance))))
        for each in try Vectors.document("answers").objects("photos") {
            let answer = try identifier.identify(each.image("image"), options(each.object("options")))
            var found = try XCTUnwrap(Json.parse(Array(answer.json.utf8), where: "answer").asObject)
            XCTAssertEqual(found.removeValue(forKey: "schema"), .whole(2))
            XCTAssertEqual(found.removeValue(forKey: "encoder"), .text("onnx-fp32"))
            found["pack"] = nil
            assertAlike(.object(found, order: []), .object(try each.object("answer").values, order: []), "answer")
        }
    }

    func testAFileThatWasChangedOrIsMissingIsRefused() throws {
        let whole = FolderStorage(Vectors.folder.appendingPathComponent("pack"))
        let changed = ChangedStorage(whole: whole) { path, data in
            var data = data
            if path == "images.faiss" { data[60] ^= 1 }
            return data
        }
        let missing = ChangedStorage(whole: whole) { path, data in
            if path == "images.faiss" { throw CocoaError(.fileReadNoSuchFile) }
            return data
        }
        let runtime = TestRuntime(conformance: try Image(data: [0, 0, 0], width: 1, height: 1))
        for storage in [changed, missing] {
            assertRefused("pack-damaged", "a file") {
                _ = try PackIdentifier(Pack(storage, runtime: "onnx"), runtime)
            }
        }
    }

    func testAWrongOptionNamesWhatIsPossible() throws {
        let identifier = try identifier()
        let photo = try Vectors.document("answers").image("conformance")
        assertRefused("setup", "no matches") { _ = try identifier.identify(photo, Options(topK: 0)) }
        assertRefused("setup", "a latitude of 91") { _ = try Position(latitude: 91, longitude: 0) }
        assertRefused("setup", "no local features") { _ = try identifier.identify(photo, Options(verifyGeometry: .always)) }
        assertRefused("setup", "no photo") { _ = try identifier.identifyTogether([]) }
        assertRefused("setup", "an empty text") { _ = try identifier.search(" ") }
        XCTAssertThrowsError(try identifier.identify(photo, Options(filters: Filters(labels: ["label": ["worm"]])))) { error in
            XCTAssertTrue("\(error)".contains("the nearest are warm"), "\(error)")
        }
        XCTAssertEqual(try identifier.search("crimsn").matches[0].reference.id, "crimson")
        XCTAssertTrue(try identifier.search("zzzz").note.contains("no reference has these words"))
        XCTAssertNil(try identifier.reference("no such thing"))
        let together = try identifier.identifyTogether([photo, photo])
        XCTAssertEqual(together.matches[0].reference.id, try identifier.identify(photo).matches[0].reference.id)
    }

    func testTheMostCertainOfSeveralAnswersCounts() throws {
        let identifier = try identifier()
        let photos = try Vectors.document("answers").objects("photos").prefix(3)
        let answers = try photos.map { try identifier.identify($0.image("image")) }
        let best = try XCTUnwrap(Answer.mostCertain(answers))
        XCTAssertEqual(best.matches[0].reference.id, answers[0].matches[0].reference.id)
        XCTAssertTrue(best.inWords.hasPrefix("probably, 9"), best.inWords)
    }

    func testDifferentTextsThatLookAlikeAreDifferentKeys() {
        XCTAssertNotEqual(ExactText("\u{e9}"), ExactText("e\u{301}"))
        XCTAssertLessThan(ExactText("\u{ffff}"), ExactText("\u{10000}"))
    }

    private func identifier() throws -> PackIdentifier {
        let expected = try Vectors.document("answers")
        let storage = FolderStorage(Vectors.folder.appendingPathComponent(try expected.text("pack")))
        return try PackIdentifier(Pack(storage, runtime: "onnx"), TestRuntime(conformance: expected.image("conformance")))
    }

    private func options(_ fields: JsonObject) throws -> Options {
        var found = Options()
        if fields.has("top_k") { found.topK = try fields.int("top_k") }
        if fields.has("near") {
            let place = try fields.numbers("near")
            found.position = try Position(latitude: place[0], longitude: place[1], accuracyM: fields.number("accuracy_m"))
        }
        if fields.has("labels") {
            found.filters.labels = try fields.object("labels").values.compactMapValues { $0.asText.map { [$0] } }
        }
        return found
    }

    /// Compares documents; numbers may differ by rounding.
    private func assertAlike(_ found: Json?, _ expected: Json, _ path: String) {
        if let fields = expected.asObject {
            XCTAssertEqual(found?.asObject.map { Set($0.keys) }, Set(fields.keys), path)
            for (key, value) in fields { assertAlike(found?.asObject?[key], value, "\(path).\(key)") }
        } else if let values = expected.asList {
            XCTAssertEqual(found?.asList?.count, values.count, path)
            for (at, value) in values.enumerated() { assertAlike(found?.asList?[at], value, "\(path).\(at)") }
        } else if let number = expected.asNumber {
            assertNear([found?.asNumber ?? .nan], [number], max(2e-4, 1e-3 * abs(number)), path)
        } else {
            XCTAssertEqual(found, expected, path)
        }
    }
}
