import edgeidentify.Answer;
import edgeidentify.FolderStorage;
import edgeidentify.Image;
import edgeidentify.ImageEncoder;
import edgeidentify.Json;
import edgeidentify.Manifest;
import edgeidentify.Options;
import edgeidentify.Pack;
import edgeidentify.PackIdentifier;
import edgeidentify.PointNet;
import edgeidentify.Runtime;
import edgeidentify.Sha256;
import edgeidentify.TextEncoder;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Answers of the Java core, for {@code java_answers.py}: {@code java JavaAnswers PACK JOB OUT}.
 *
 * <p>Graphs run in the parent process: a request on standard output, its floats on standard input, both big-endian.
 */
public final class JavaAnswers implements Runtime {
    private static final int IMAGES = 0;
    private static final int TEXTS = 1;
    private static final int POINTS = 2;

    private final DataOutputStream requests = new DataOutputStream(System.out);
    private final DataInputStream replies = new DataInputStream(System.in);
    private final Map<String, Object> decoded;

    private JavaAnswers(Map<String, Object> decoded) {
        this.decoded = decoded;
    }

    public static void main(String[] arguments) throws IOException {
        Map<String, Object> job = object(Json.parse(Files.readAllBytes(Path.of(arguments[1])), "job"));
        PackIdentifier identifier =
            PackIdentifier.open(new FolderStorage(new File(arguments[0])), new JavaAnswers(object(job.get("decoded"))));
        try (PrintWriter out = new PrintWriter(arguments[2], "UTF-8")) {
            out.println("{\"worst_cosine\": " + identifier.selfTest() + "}");
            for (Object photo : (List<?>) job.get("photos")) {
                Image image = image(photo);
                Answer answer = identifier.identify(image, Options.DEFAULT);
                out.println("{\"answer\": " + answer.toJson() + ", \"embedding\": "
                    + Arrays.toString(identifier.embedImage(image)) + "}");
            }
            out.println(identifier.search("apple", Options.DEFAULT).toJson());
        }
    }

    @Override
    public ImageEncoder imageEncoder(Pack pack, Manifest.Variant variant) {
        int side = pack.manifest.preprocessing.sizePx;
        return (pixels, count) -> rows(ask(IMAGES, new int[] {count, side, side}, pixels)[0], count);
    }

    @Override
    public TextEncoder textEncoder(Pack pack, Manifest.Variant variant) {
        return tokens -> {
            byte[] data = new byte[4 * tokens.length * tokens[0].length];
            for (int at = 0; at < data.length; at++) {
                long token = tokens[at / 4 / tokens[0].length][at / 4 % tokens[0].length];
                data[at] = (byte) (token >> 24 - 8 * (at % 4));
            }
            return rows(ask(TEXTS, new int[] {tokens.length, tokens[0].length, 1}, data)[0], tokens.length);
        };
    }

    @Override
    public PointNet pointNet(Pack pack, Manifest.Variant variant) {
        return (pixels, width, height) -> {
            float[][] maps = ask(POINTS, new int[] {1, height, width}, pixels);
            return new PointNet.Maps(maps[0], maps[1], maps[2], (int) maps[3][0], (int) maps[3][1]);
        };
    }

    @Override
    public Image decode(byte[] file) {
        try {
            return image(decoded.get(Sha256.of(file)));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private float[][] ask(int kind, int[] shape, byte[] data) {
        try {
            requests.writeInt(kind);
            for (int length : shape) {
                requests.writeInt(length);
            }
            requests.writeInt(data.length);
            requests.write(data);
            requests.flush();
            float[][] found = new float[replies.readInt()][];
            for (int output = 0; output < found.length; output++) {
                byte[] bytes = new byte[4 * replies.readInt()];
                replies.readFully(bytes);
                found[output] = new float[bytes.length / 4];
                java.nio.ByteBuffer.wrap(bytes).asFloatBuffer().get(found[output]);
            }
            return found;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static float[][] rows(float[] all, int count) {
        float[][] found = new float[count][];
        for (int row = 0; row < count; row++) {
            found[row] = Arrays.copyOfRange(all, row * (all.length / count), (row + 1) * (all.length / count));
        }
        return found;
    }

    private static Image image(Object value) throws IOException {
        Map<String, Object> fields = object(value);
        byte[] data = Files.readAllBytes(Path.of((String) fields.get("file")));
        return new Image(data, ((Long) fields.get("width")).intValue(), ((Long) fields.get("height")).intValue());
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }
}
