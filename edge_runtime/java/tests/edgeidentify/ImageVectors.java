package edgeidentify;

import static edgeidentify.Vectors.check;
import static edgeidentify.Vectors.floats;
import static edgeidentify.Vectors.image;
import static edgeidentify.Vectors.near;
import static edgeidentify.Vectors.number;
import static edgeidentify.Vectors.numbers;
import static edgeidentify.Vectors.object;
import static edgeidentify.Vectors.same;
import static edgeidentify.Vectors.whole;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** Pixels, points and their agreement. */
final class ImageVectors {
    private ImageVectors() {
    }

    static void run() throws IOException {
        resize();
        reduction();
        peaks();
        agreement();
        images();
    }

    private static void resize() throws IOException {
        for (Map<String, Object> each : Vectors.of("resize")) {
            Map<String, Object> recipe = object(each.get("recipe"));
            Preprocessing preprocessing = new Preprocessing(whole(recipe.get("size_px")),
                (String) recipe.get("resize_mode"), (String) recipe.get("interpolation"),
                numbers(recipe.get("photo_views")));
            byte[] found = preprocessing.photoViews(image(each.get("image")));
            check(Arrays.equals(found, Base64.getDecoder().decode((String) each.get("pixels"))), "pixels of " + recipe);
        }
    }

    private static void reduction() throws IOException {
        for (Map<String, Object> each : Vectors.of("reduction")) {
            int sidePx = whole(each.get("side_px"));
            Image small = Resampling.thumbnail(image(each.get("image")).opaque(), sidePx);
            Image found = NetPoints.netPixels(small, sidePx, whole(each.get("side_step_px")));
            Image expected = image(each.get("pixels"));
            check(found.width == expected.width && found.height == expected.height, "size of the net's pixels");
            for (int at = 0; at < expected.data.length; at++) {
                // Pillow chooses by the shape whether it resizes across or down first, and rounds between.
                near(found.data[at] & 255, expected.data[at] & 255, 2, "the net's pixels");
            }
        }
    }

    private static void peaks() throws IOException {
        for (Map<String, Object> each : Vectors.of("peaks")) {
            int width = whole(each.get("width"));
            int height = whole(each.get("height"));
            int cell = whole(each.get("cell"));
            PointNet.Maps maps = new PointNet.Maps(floats(each.get("descriptor_maps")), floats(each.get("heat")),
                floats(each.get("reliability")), height / cell, width / cell);
            NetPoints points = new NetPoints(maps, width, height);
            List<NetPoints.Peak> peaks = points.peaks(number(each.get("least_heat")), whole(each.get("most_points")));
            List<Object> places = new ArrayList<>();
            peaks.forEach(peak -> places.add(Arrays.asList((long) peak.x, (long) peak.y)));
            same(places, each.get("peaks"), "peaks");
            near(points.descriptorsAt(peaks, whole(each.get("dim"))), each.get("descriptors"), 1e-4, "descriptors");
        }
    }

    private static void agreement() throws IOException {
        for (Map<String, Object> each : Vectors.of("agreement")) {
            PointAgreement.Agreement found = PointAgreement.find(points(each.get("photo")), points(each.get("reference")),
                number(each.get("least_similarity")));
            // The estimator adds in another order: a pair at the limit may fall on the other side.
            near(found == null ? 0 : found.count(), whole(each.get("count")), 1, "agreeing points");
            if (each.get("outline") != null) {
                near(found.outline, each.get("outline"), 0.5, "outline");
            }
        }
    }

    private static Points points(Object value) {
        Map<String, Object> of = object(value);
        return new Points(whole(of.get("width")), whole(of.get("height")), floats(of.get("positions")),
            floats(of.get("descriptors")), whole(of.get("dim")));
    }

    private static void images() throws IOException {
        Image image = new Image(new byte[] {1, 2, 3, 4, 5, 6}, 2, 1);
        check(Arrays.equals(image.cropped(1, 0, 1, 1).data, new byte[] {4, 5, 6}), "a region");
        check(Arrays.equals(Image.ofArgb(new int[] {0xff010203}, 1, 1).opaque().data, new byte[] {1, 2, 3}), "ARGB");
        Vectors.refused(() -> image.cropped(1, 0, 2, 1), "photo", "a region outside");
        Vectors.refused(() -> new Image(new byte[5], 2, 1), "photo", "too few numbers");
        Vectors.refused(() -> new Image(new byte[0], 0, 1), "photo", "no pixels");
    }
}
