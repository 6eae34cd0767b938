package edgeidentify;

/** The text tower of a pack, loaded. */
public interface TextEncoder {
    /**
     * Embeds texts.
     *
     * @param tokens the token ids of each text: the graph's int64 input
     * @return a unit vector for each text
     */
    float[][] embed(long[][] tokens);
}
