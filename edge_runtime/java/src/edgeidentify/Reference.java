package edgeidentify;

import java.util.Map;

/** A known thing. */
public final class Reference {
    public final String id;
    public final String name;
    public final String namespace;
    public final Map<String, String> labels;
    /** WGS 84 degrees, or null like {@code longitude}. */
    public final Double latitude;
    public final Double longitude;
    /** Null if there is none. */
    public final String url;
    /** Null if there is none. */
    public final String licence;
    public final Map<String, String> attributes;

    Reference(String id, String name, String namespace, Map<String, String> labels, Double latitude, Double longitude,
        String url, String licence, Map<String, String> attributes) {
        this.id = id;
        this.name = name;
        this.namespace = namespace;
        this.labels = labels;
        this.latitude = latitude;
        this.longitude = longitude;
        this.url = url;
        this.licence = licence;
        this.attributes = attributes;
    }

    /** Returns whether the reference passes filters. */
    boolean passes(Filters filters) {
        boolean isInside = filters.namespaces.isEmpty() || filters.namespaces.contains(namespace);
        return isInside && filters.labels.entrySet().stream()
            .allMatch(each -> labels.containsKey(each.getKey()) && each.getValue().contains(labels.get(each.getKey())));
    }
}
