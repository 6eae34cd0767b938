package edgeidentify;

/** What is asked of a photo or a text. Each method returns changed options. */
public final class Options {
    /** Five matches, no position, no filters, points compared where similarity alone is not sure. */
    public static final Options DEFAULT = new Options(5, null, Filters.NONE, "auto");
    private static final int MAX_TOP_K = 1000;

    public final int topK;
    public final Position position;
    public final Filters filters;
    /** {@code auto}, {@code always} or {@code never}. */
    public final String verifyGeometry;

    private Options(int topK, Position position, Filters filters, String verifyGeometry) {
        if (topK < 1 || topK > MAX_TOP_K) {
            throw EdgeIdentifyException.setup("topK is " + topK + "; 1 to " + MAX_TOP_K + " matches can be returned");
        }
        if (!verifyGeometry.matches("auto|always|never")) {
            throw EdgeIdentifyException.setup("verifyGeometry is " + verifyGeometry + "; auto, always and never are possible");
        }
        this.topK = topK;
        this.position = position;
        this.filters = filters;
        this.verifyGeometry = verifyGeometry;
    }

    /** Returns at most so many matches, 1 to 1000. */
    public Options topK(int count) {
        return new Options(count, position, filters, verifyGeometry);
    }

    /** Says where the photo was taken. It changes probabilities and excludes nothing. */
    public Options near(Position place) {
        return new Options(topK, place, filters, verifyGeometry);
    }

    /** Finds only the references that pass. */
    public Options among(Filters some) {
        return new Options(topK, position, some, verifyGeometry);
    }

    /** Says when points are compared: {@code auto}, {@code always} or {@code never}. */
    public Options verifyGeometry(String when) {
        return new Options(topK, position, filters, when);
    }
}
