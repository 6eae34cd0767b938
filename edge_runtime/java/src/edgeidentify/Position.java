package edgeidentify;

import java.util.Comparator;
import java.util.List;

/** Where a photo was taken, in WGS 84 degrees. */
public final class Position {
    private static final double MAX_ACCURACY_M = 1_000_000;
    private static final double USUAL_ACCURACY_M = 50;
    private static final double APART_M = 30; // from the camera to the thing, with the error of the reference's coordinates
    private static final double REACH_SCALES = 1000;
    private static final double EARTH_RADIUS_M = 6_371_008.8; // IUGG mean radius

    public final double latitude;
    public final double longitude;
    /** Radius of uncertainty in metres; null if it is unknown. */
    public final Double accuracyM;
    /** {@code given} by the user or device, or {@code photo}: read from its EXIF. */
    public final String source;

    public Position(double latitude, double longitude, Double accuracyM) {
        this(latitude, longitude, accuracyM, "given");
    }

    public Position(double latitude, double longitude, Double accuracyM, String source) {
        if (!(Math.abs(latitude) <= 90) || !(Math.abs(longitude) <= 180)) {
            throw EdgeIdentifyException.setup("the position " + latitude + ", " + longitude + " is outside -90 to 90, -180 to 180");
        }
        if (accuracyM != null && !(accuracyM > 0 && accuracyM <= MAX_ACCURACY_M)) {
            throw EdgeIdentifyException.setup("accuracy " + accuracyM + " m is not above 0 and at most " + MAX_ACCURACY_M);
        }
        this.latitude = latitude;
        this.longitude = longitude;
        this.accuracyM = accuracyM;
        this.source = source;
    }

    /** Returns the distance in metres at which nearness is .35. */
    double scaleM() {
        return Math.hypot(accuracyM == null ? USUAL_ACCURACY_M : accuracyM, APART_M);
    }

    /** Returns the distance in metres beyond which nearness is 0. */
    double reachM() {
        return REACH_SCALES * scaleM();
    }

    /** Returns the great-circle distance in metres, by the haversine formula. */
    public static double distanceM(double latitude, double longitude, double otherLatitude, double otherLongitude) {
        double south = Math.toRadians(latitude);
        double north = Math.toRadians(otherLatitude);
        double halfTurn = Math.toRadians(otherLongitude - longitude) / 2;
        double square = Math.pow(Math.sin((north - south) / 2), 2)
            + Math.cos(south) * Math.cos(north) * Math.pow(Math.sin(halfTurn), 2);
        return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(Math.min(1, square)));
    }

    /** Returns the position with the least sum of distances to the others; null if there is none. */
    static Position middle(List<Position> known) {
        Comparator<Position> nearest = Comparator.comparingDouble(each -> each.apart(known));
        return known.stream().min(nearest.thenComparingDouble(Position::scaleM)
            .thenComparingDouble(each -> each.latitude).thenComparingDouble(each -> each.longitude)).orElse(null);
    }

    private double apart(List<Position> others) {
        return others.stream().mapToDouble(each -> distanceM(latitude, longitude, each.latitude, each.longitude)).sum();
    }
}
