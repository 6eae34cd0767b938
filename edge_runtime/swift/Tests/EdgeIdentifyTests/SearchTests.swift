import XCTest

@testable import EdgeIdentify

final class SearchTests: XCTestCase {
    func testTheNearestVectorsHaveTheSameIdsAndScores() throws {
        for each in try Vectors.list("index") {
            let file = try each.text("file")
            let index = try open(each, Vectors.bytes(file))
            let views = try each.list("views").map { ($0.asList ?? []).compactMap(\.asNumber).map { Float($0) } }
            let (k, among) = (try each.int("k"), each.has("among") ? Set(try each.wholes("among")) : nil)
            var found: [IndexFile.Neighbour]
            if each.has("signs") {
                let signs = try each.text("signs")
                found = try BinaryCodes(Vectors.bytes(signs), index: index, path: signs).nearest(views, k)
            } else {
                found = try index.nearest(views, k, among: among)
            }
            XCTAssertEqual(found.map(\.id), try each.wholes("ids"), file)
            assertNear(found.map { Double($0.score) }, try each.numbers("scores"), 2e-6, file)
        }
    }

    func testATruncatedIndexIsDamageWhereverItEnds() throws {
        var told: Set<String> = []
        for each in try Vectors.list("index") where told.insert(try each.text("file")).inserted {
            let data = try Vectors.bytes(each.text("file"))
            assertRefusesEveryCut(data, try each.text("file")) { _ = try open(each, $0) }
        }
        let coded = try XCTUnwrap(Vectors.list("index").first { $0.has("signs") })
        let index = try open(coded, Vectors.bytes(coded.text("file")))
        assertRefusesEveryCut(try Vectors.bytes(coded.text("signs")), "codes") {
            _ = try BinaryCodes($0, index: index, path: "codes")
        }
    }

    func testReferencesAreLookedUpInSqlitesPages() throws {
        let expected = try Vectors.document("references")
        let table = try ReferenceTable(Vectors.bytes(expected.text("file")), path: "references")
        XCTAssertEqual(try table.references().count, try expected.int("count"))
        for each in try expected.objects("references") {
            let found = try table.reference(each.text("id"))
            XCTAssertEqual([found.name, found.namespace], [try each.text("name"), try each.text("namespace")])
            XCTAssertEqual(found.url, each.values["url"]?.asText)
            XCTAssertEqual([found.latitude, found.longitude], [each.values["latitude"]?.asNumber, each.values["longitude"]?.asNumber])
            for (labels, key) in [(found.labels, "labels"), (found.attributes, "attributes")] {
                let written = Dictionary(uniqueKeysWithValues: labels.map { ($0.key, Json.text($0.value)) })
                XCTAssertEqual(written, try each.object(key).values)
            }
        }
        for (image, id) in try expected.object("reference_ids").values {
            XCTAssertEqual(try table.referenceId(of: XCTUnwrap(Int(image))), id.asText)
        }
        for (id, images) in try expected.object("images_of").values {
            XCTAssertEqual(try table.images(of: id), images.asList?.compactMap(\.asWhole))
        }
        for (image, facts) in try expected.object("image_facts").values {
            XCTAssertEqual(try table.imageFacts(XCTUnwrap(Int(image)))?.provenance, facts.asObject?["provenance"]?.asText)
        }
        XCTAssertEqual(try table.namespaces(), try expected.texts("namespaces"))
        XCTAssertEqual(try table.labelKinds(), try expected.texts("label_kinds"))
        XCTAssertEqual(try table.labelValues("kind"), try expected.object("label_values").texts("kind"))
        let filters = try expected.object("filters")
        let labels = try filters.object("labels")
        let passing = Filters(
            namespaces: try filters.texts("namespaces"),
            labels: Dictionary(uniqueKeysWithValues: try labels.names.map { ($0, try labels.texts($0)) }))
        XCTAssertEqual(try table.ids(passing), try expected.texts("passing"))
        XCTAssertEqual(try table.indexIds(passing), Set(try expected.wholes("passing_index_ids")))
        XCTAssertEqual(try table.coordinates().count, try expected.int("located_count"))
        XCTAssertFalse(try table.has("no such thing"))
        assertRefused("pack-damaged", "a missing reference") { _ = try table.reference("no such thing") }
    }

    func testADamagedSqliteFileGivesDamageOrAnotherValueAndNeverACrash() throws {
        let expected = try Vectors.document("references")
        let whole = try Vectors.bytes(expected.text("file"))
        let id = try expected.objects("references")[1].text("id")
        for at in stride(from: 0, to: 4000, by: 29) {
            var data = at % 3 > 0 ? whole : Array(whole.dropLast(3 * at))
            data[at * 7919 % data.count] ^= 1 << UInt8(at % 8)
            do {
                let table = try ReferenceTable(data, path: "references")
                _ = try table.reference(id)
                _ = try table.references()
            } catch let error as EdgeIdentifyError {
                XCTAssertEqual(error.code, .packDamaged)
            }
        }
    }

    func testThumbnailsAndPointsAreRead() throws {
        let thumbnails = try Vectors.document("thumbnails")
        let pictures = try ThumbnailTable(Vectors.bytes(thumbnails.text("file")), path: "thumbnails")
        for (id, hash) in try thumbnails.object("sha256").values {
            XCTAssertEqual(Hashing.sha256(try XCTUnwrap(pictures.webp(XCTUnwrap(Int(id))))), hash.asText)
        }
        XCTAssertNil(try pictures.webp(thumbnails.int("absent")))
        let expected = try Vectors.document("descriptors")
        let data = try Vectors.bytes(expected.text("file"))
        let table = try descriptors(expected, data)
        let points = try expected.object("points")
        for id in points.names {
            let (found, of) = (try XCTUnwrap(table.points(XCTUnwrap(Int(id)))), try points.object(id))
            XCTAssertEqual([found.width, found.height], [try of.int("width"), try of.int("height")])
            assertNear(found.positions.map { Double($0) }, try of.numbers("positions"), 0, "positions")
            assertNear(found.descriptors.map { Double($0) }, try of.numbers("descriptors"), 1e-6, "descriptors")
        }
        XCTAssertNil(try table.points(expected.int("absent")))
        assertRefusesEveryCut(data, "descriptors") { _ = try descriptors(expected, $0) }
    }

    func testWordsFindTheSameReferencesForTheSameReasons() throws {
        let expected = try Vectors.document("references")
        let table = try ReferenceTable(Vectors.bytes(expected.text("file")), path: "references")
        let index = WordIndex(try table.references())
        for each in try Vectors.list("words") {
            let text = try each.text("text")
            let found = index.find(text, most: 4).map { hit in
                Json.fields([
                    ("id", .text(hit.referenceId)), ("rank", .whole(hit.rank)), ("exact", .truth(hit.isExact)),
                    ("why", .list(hit.reasons.map { reason in
                        let corrected = Json.fields(reason.corrected.map { ($0.typed, .text($0.meant)) })
                        return .list([.text(reason.foundIn.rawValue), .text(reason.key), .truth(reason.isExact), corrected])
                    })),
                ])
            }
            XCTAssertEqual(found.map(\.written), try each.list("hits").map(\.written), text)
        }
    }

    func testTextsHaveTheSameTokens() throws {
        let expected = try Vectors.document("tokens")
        let merges = Array(try expected.text("merges").utf8)
        for each in try expected.objects("cases") {
            let spec = Manifest.TokenizerSpec(
                kind: "clip-bpe", file: "merges", contextLength: try expected.int("context_length"),
                cleaning: try each.text("cleaning"))
            let text = try each.text("text")
            let found = try ClipTokenizer(merges, spec).encode(text)
            XCTAssertEqual(found, try each.wholes("ids").map { Int64($0) }, text)
        }
    }

    private func open(_ each: JsonObject, _ data: [UInt8]) throws -> IndexFile {
        try IndexFile(data, kind: each.text("kind"), dim: each.int("dim"), count: each.int("count"), path: "index")
    }

    private func descriptors(_ of: JsonObject, _ data: [UInt8]) throws -> DescriptorTable {
        try DescriptorTable(
            data, dim: of.int("dim"), mostPoints: of.int("most_points"), mostImages: of.int("most_images"), path: "points")
    }
}
