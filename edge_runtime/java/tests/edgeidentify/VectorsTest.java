package edgeidentify;

import java.io.IOException;
import java.nio.file.Path;

/** Runs the vectors that Python makes: {@code java edgeidentify.VectorsTest tests/conformance/vectors tests/attacks/vectors}. */
public final class VectorsTest {
    private VectorsTest() {
    }

    public static void main(String[] arguments) throws IOException {
        Vectors.folder = Path.of(arguments[0]);
        ImageVectors.run();
        SearchVectors.run();
        DecisionVectors.run();
        PackVectors.run();
        SignatureVectors.run(Path.of(arguments[1]));
        System.out.println(Vectors.checks() + " checks passed");
    }
}
