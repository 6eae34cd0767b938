/// What is asked of a photo or a text.
public struct Options: Sendable {
    /// When points are compared.
    public enum Geometry: Sendable {
        /// Where similarity alone is not sure.
        case auto
        case always
        case never
    }

    /// The most matches that are returned, 1 to 1000.
    public var topK: Int
    /// Where the photo was taken. It changes probabilities and excludes nothing.
    public var position: Position?
    /// The references that can be found.
    public var filters: Filters
    public var verifyGeometry: Geometry

    private static let maxTopK = 1000

    public init(topK: Int = 5, position: Position? = nil, filters: Filters = Filters(), verifyGeometry: Geometry = .auto) {
        self.topK = topK
        self.position = position
        self.filters = filters
        self.verifyGeometry = verifyGeometry
    }

    func check() throws {
        guard (1...Options.maxTopK).contains(topK) else {
            throw EdgeIdentifyError.setup("topK is \(topK); 1 to \(Options.maxTopK) matches can be returned")
        }
    }
}
