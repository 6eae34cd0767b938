package edgeidentify;

import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.X509EncodedKeySpec;

/** Verifies Ed25519 signatures (RFC 8032). */
public interface SignatureVerifier {
    /** Returns whether a signature of 64 bytes is valid; false if the 32 bytes are no key. */
    boolean isValid(byte[] publicKey, byte[] signature, byte[] content);

    /**
     * Returns the verifier of the platform: Java 15 and later, and newer Androids (API 33 and later, as far as documents
     * say; no device was tried). Elsewhere its first use throws {@code SETUP}; an app then gives a library's verifier.
     */
    static SignatureVerifier ofPlatform() {
        return (publicKey, signature, content) -> {
            // A key as X.509 has it: the algorithm's identifier (RFC 8410), then the 32 bytes.
            byte[] encoded = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
            System.arraycopy(publicKey, 0, encoded, encoded.length - 32, 32);
            try {
                PublicKey key = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded));
                Signature verifier = Signature.getInstance("Ed25519");
                verifier.initVerify(key);
                verifier.update(content);
                return verifier.verify(signature);
            } catch (NoSuchAlgorithmException error) {
                throw EdgeIdentifyException.setup("this Java has no Ed25519 signatures (" + error.getMessage()
                    + "); use Java 15 or later, or give a SignatureVerifier of a library");
            } catch (InvalidKeySpecException | InvalidKeyException | SignatureException error) {
                return false;
            }
        };
    }
}
