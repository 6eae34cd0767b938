import XCTest

@testable import EdgeIdentify

final class ImageTests: XCTestCase {
    func testThePixelsOfEachViewArePillowsInEveryBit() throws {
        for each in try Vectors.list("resize") {
            let recipe = try each.object("recipe")
            let preprocessing = Preprocessing(
                sizePx: try recipe.int("size_px"), resizeMode: try recipe.text("resize_mode"),
                interpolation: try recipe.text("interpolation"), photoViews: try recipe.numbers("photo_views"))
            XCTAssertEqual(preprocessing.photoPixels(try each.image("image")), try each.base64("pixels"))
        }
    }

    func testTheNetSeesPillowsPixelsButForTwoStepsOfGrey() throws {
        for each in try Vectors.list("reduction") {
            let sidePx = try each.int("side_px")
            let small = Resampling.thumbnail(try each.image("image").opaque(), sidePx: sidePx)
            let found = NetPoints.netPixels(small, sidePx: sidePx, stepPx: try each.int("side_step_px"))
            let expected = try each.image("pixels")
            XCTAssertEqual([found.width, found.height], [expected.width, expected.height])
            // Pillow chooses by the shape whether it resizes across or down first, and rounds between.
            assertNear(found.data.map { Double($0) }, expected.data.map { Double($0) }, 2, "pixels")
        }
    }

    func testPeaksAndTheirDescriptorsAreFound() throws {
        for each in try Vectors.list("peaks") {
            let (width, height, cell) = (try each.int("width"), try each.int("height"), try each.int("cell"))
            let maps = PointMaps(
                descriptors: try each.floats("descriptor_maps"), heat: try each.floats("heat"),
                reliability: try each.floats("reliability"), rows: height / cell, columns: width / cell)
            let points = NetPoints(maps, width: width, height: height)
            let peaks = points.peaks(leastHeat: try each.number("least_heat"), most: try each.int("most_points"))
            let expected = try each.list("peaks").map { ($0.asList ?? []).compactMap(\.asWhole) }
            XCTAssertEqual(peaks.map { [$0.x, $0.y] }, expected)
            let found = points.descriptors(at: peaks, dim: try each.int("dim")).map { Double($0) }
            assertNear(found, try each.numbers("descriptors"), 1e-4, "descriptors")
        }
    }

    func testAsManyPointsAgreeAsInPython() throws {
        for each in try Vectors.list("agreement") {
            let (photo, reference) = (try points(each.object("photo")), try points(each.object("reference")))
            let found = PointAgreement.find(photo, reference, leastSimilarity: try each.number("least_similarity"))
            // The estimator adds in another order: a pair at the limit may fall on the other side.
            assertNear([Double(found?.inPhoto.count ?? 0)], [Double(try each.int("count"))], 1, "agreeing points")
            if each.has("outline") {
                assertNear((found?.outline ?? []).flatMap { [$0.x, $0.y] }, try each.numbers("outline"), 0.5, "outline")
            }
        }
    }

    func testARegionIsCutOutAndOthersAreRefused() throws {
        let image = try Image(data: [1, 2, 3, 4, 5, 6], width: 2, height: 1)
        XCTAssertEqual(try image.cropped(left: 1, top: 0, width: 1, height: 1).data, [4, 5, 6])
        assertRefused("photo", "a region outside") { _ = try image.cropped(left: 1, top: 0, width: 2, height: 1) }
        assertRefused("photo", "too few numbers") { _ = try Image(data: [1], width: 2, height: 1) }
        assertRefused("photo", "no pixels") { _ = try Image(data: [], width: 0, height: 1) }
    }

    private func points(_ of: JsonObject) throws -> Points {
        Points(
            width: try of.int("width"), height: try of.int("height"), positions: try of.floats("positions"),
            descriptors: try of.floats("descriptors"), dim: try of.int("dim"))
    }
}
