import XCTest

@testable import EdgeIdentify

final class DecisionTests: XCTestCase {
    func testDecisionsAreTheSameBySimilarityAndWithPoints() throws {
        for each in try Vectors.list("decisions") {
            let rule = try Calibration(each.object("calibration"))
            let scores = try each.numbers("scores")
            let found = Decision.of(scores, crowd: each.has("crowd") ? try each.numbers("crowd") : scores, rule)
            try assertSame(found, each.object("verdict"))
            guard each.has("points") else { continue }
            let expected = try each.object("with_points")
            let ranked = try XCTUnwrap(Evidence.withPoints(found, each.wholes("points"), rule))
            XCTAssertEqual(ranked.order, try expected.wholes("order"))
            try assertSame(ranked.decision, expected)
        }
    }

    func testAPositionWeighsTheSame() throws {
        for each in try Vectors.list("places") {
            let of = try each.object("position")
            let position = try Position(
                latitude: of.number("latitude"), longitude: of.number("longitude"), accuracyM: of.optionalNumber("accuracy_m"))
            let spots = try each.list("coordinates").map { value -> Coordinates? in
                guard let pair = value.asList?.compactMap(\.asNumber) else { return nil }
                return Coordinates(latitude: pair[0], longitude: pair[1])
            }
            let crowd = Evidence.meanNearness(position, spots.compactMap { $0 })
            let scores = spots.map { Evidence.placeScore(position, $0, crowd: crowd) }
            let expected = try each.numbers("place_scores")
            assertNear(zip(scores, expected).map { $0 / $1 }, expected.map { _ in 1 }, 1e-6, "place scores")
            for (spot, distance) in zip(spots, try each.list("distances_m")) {
                guard let spot, let distance = distance.asNumber else { continue }
                assertNear([position.coordinates.distanceM(to: spot)], [distance], 0.01, "distance")
            }
            let similarities = try each.numbers("scores")
            let rule = try Calibration(each.object("calibration"))
            let found = Evidence.withPlace(similarities, scores, crowd: similarities, mostGain: .infinity, rule)
            XCTAssertEqual(found.order, try each.wholes("order"))
            try assertSame(found.decision, each.object("verdict"))
        }
    }

    func testSeveralPhotosOfOneThingHaveOneRanking() throws {
        for each in try Vectors.list("together") {
            let found = Nearest.fused(try each.list("photos").map { try nearest($0) })
            let expected = try nearest(.list(each.list("fused")))
            XCTAssertEqual(found.map(\.referenceId), expected.map(\.referenceId))
            XCTAssertEqual(found.map(\.indexId), expected.map(\.indexId))
            assertNear(found.map(\.score), expected.map(\.score), 1e-8, "scores")
        }
    }

    func testABadCalibrationIsRefused() {
        for text in ["", "[]", "{\"variants\": {\"one\": {}}}", "{\"variants\": 3}"] {
            assertRefused("pack-format", text) { _ = try Calibration.File(Array(text.utf8), path: "calibration") }
        }
    }

    private func nearest(_ value: Json) throws -> [Nearest] {
        try (value.asList ?? []).map { each in
            let fields = try XCTUnwrap(each.asList)
            return Nearest(
                referenceId: try XCTUnwrap(fields[0].asText), score: try XCTUnwrap(fields[1].asNumber),
                indexId: try XCTUnwrap(fields[2].asWhole))
        }
    }

    private func assertSame(_ found: Decision, _ expected: JsonObject) throws {
        XCTAssertEqual(found.word.rawValue, try expected.text("decision"))
        XCTAssertEqual(found.lookAlikeCount, try expected.int("look_alike_count"))
        assertNear(
            [found.evidence, found.knownProbability],
            [try expected.number("evidence"), try expected.number("known_probability")], 1e-8, "evidence")
        assertNear(found.confidences, try expected.numbers("confidences"), 1e-8, "confidences")
    }
}
