/// The self-test of a pack: a few photos with their expected embeddings and points.
struct SelfTest {
    private static let maxCasesBytes = 4 << 20
    private static let maxCases = 64
    private static let samePlacePx = 1.5
    private static let leastFound = 0.75
    private static let countDifference = 0.1

    private let identifier: PackIdentifier
    private let runtime: Runtime
    private let path: String

    init(_ identifier: PackIdentifier, _ runtime: Runtime) {
        self.identifier = identifier
        self.runtime = runtime
        path = identifier.manifest.conformanceFile
    }

    /// Embeds and answers each photo, finds the points of one, and reads all references.
    func run() throws -> Double {
        let fields = try JsonObject.parse(identifier.pack.file(path), maxBytes: SelfTest.maxCasesBytes, path: path)
        let tolerance = try fields.number("tolerance")
        let cases = try fields.objects("cases")
        guard (1...SelfTest.maxCases).contains(cases.count), tolerance > 0, tolerance <= 1 else {
            throw EdgeIdentifyError.damaged(path, "holds \(cases.count) photos and a tolerance of \(tolerance)")
        }
        try identifier.finder.checkReferences()
        var worst = 1.0
        for entry in cases {
            let cosine = try cosine(entry)
            guard cosine >= tolerance else {
                throw different(
                    "\(try entry.text("photo")) has cosine \(cosine) to its expected embedding (at least \(tolerance) needed): "
                        + "the encoder")
            }
            worst = min(worst, cosine)
        }
        if fields.has("points") { try checkPoints(fields.object("points")) }
        try identifier.searcher.selfTest()
        return worst
    }

    private func cosine(_ entry: JsonObject) throws -> Double {
        let found = try identifier.embedImage(image(entry))
        _ = try identifier.answer(of: found) // as an answer does
        let expected = try entry.numbers("embedding")
        guard expected.count == found.count else { return -1 }
        var (product, ours, theirs): (Double, Double, Double) = (0, 0, 0)
        for (one, other) in zip(found.map(Double.init), expected) {
            product += one * other
            ours += one * one
            theirs += other * other
        }
        return product / (ours * theirs).squareRoot()
    }

    private func checkPoints(_ entry: JsonObject) throws {
        let expected = try entry.whole("count", 1...Manifest.maxPoints)
        guard let points = try identifier.comparison.photoPoints(image(entry), isWhole: true) else { return }
        let places = try entry.list("first").map(place)
        let there = places.filter { isNear(points, $0) }.count
        let isAlike = Double(abs(points.count - expected)) <= SelfTest.countDifference * Double(expected)
        guard isAlike, Double(there) >= SelfTest.leastFound * Double(places.count) else {
            throw different(
                "\(try entry.text("photo")) has \(points.count) points (\(expected) expected), and \(there) of \(places.count) "
                    + "expected places: the local-feature net")
        }
    }

    private func place(_ value: Json) throws -> (Double, Double) {
        guard let pair = value.asList, pair.count == 2, let x = pair[0].asNumber, let y = pair[1].asNumber else {
            throw EdgeIdentifyError.damaged(path, "`first` should be a list of places (x, y)")
        }
        return (x, y)
    }

    private func isNear(_ points: Points, _ place: (Double, Double)) -> Bool {
        (0..<points.count).contains { at in
            let across = abs(Double(points.positions[2 * at]) - place.0)
            let down = abs(Double(points.positions[2 * at + 1]) - place.1)
            return max(across, down) <= SelfTest.samePlacePx
        }
    }

    private func image(_ entry: JsonObject) throws -> Image {
        try runtime.decode(identifier.pack.file(PackNames.checkedPath(entry.text("photo"))))
    }

    private func different(_ found: String) -> EdgeIdentifyError {
        .damaged("pack \(identifier.manifest.name)", "self-test photo \(found) computes something else on this device")
    }
}
