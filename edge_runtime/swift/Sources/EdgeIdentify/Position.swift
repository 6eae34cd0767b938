import Foundation

/// A place in WGS 84 degrees.
public struct Coordinates: Sendable, Equatable {
    public let latitude: Double
    public let longitude: Double

    private static let earthRadiusM = 6_371_008.8 // IUGG mean radius

    public init(latitude: Double, longitude: Double) {
        self.latitude = latitude
        self.longitude = longitude
    }

    /// The great-circle distance in metres, by the haversine formula.
    public func distanceM(to other: Coordinates) -> Double {
        let (south, north) = (latitude * .pi / 180, other.latitude * .pi / 180)
        let halfTurn = (other.longitude - longitude) * .pi / 180 / 2
        let square = pow(sin((north - south) / 2), 2) + cos(south) * cos(north) * pow(sin(halfTurn), 2)
        return 2 * Coordinates.earthRadiusM * asin(min(1, square).squareRoot())
    }
}

/// Where a photo was taken.
public struct Position: Sendable {
    public let coordinates: Coordinates
    /// Radius of uncertainty in metres; nil if it is unknown.
    public let accuracyM: Double?
    /// `given` by the user or device, or `photo`: read from its EXIF.
    public let source: String

    private static let maxAccuracyM = 1_000_000.0
    private static let usualAccuracyM = 50.0
    private static let apartM = 30.0 // from the camera to the thing, with the error of the reference's coordinates
    private static let reachScales = 1000.0

    public init(latitude: Double, longitude: Double, accuracyM: Double? = nil, source: String = "given") throws {
        guard abs(latitude) <= 90, abs(longitude) <= 180 else {
            throw EdgeIdentifyError.setup("the position \(latitude), \(longitude) is outside -90 to 90, -180 to 180")
        }
        if let accuracyM, !(accuracyM > 0 && accuracyM <= Position.maxAccuracyM) {
            throw EdgeIdentifyError.setup("accuracy \(accuracyM) m is not above 0 and at most \(Position.maxAccuracyM)")
        }
        coordinates = Coordinates(latitude: latitude, longitude: longitude)
        self.accuracyM = accuracyM
        self.source = source
    }

    /// Distance in metres at which nearness is .35.
    var scaleM: Double { hypot(accuracyM ?? Position.usualAccuracyM, Position.apartM) }

    /// Distance in metres beyond which nearness is 0.
    var reachM: Double { Position.reachScales * scaleM }
}
