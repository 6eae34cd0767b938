#if canImport(CryptoKit)
import CryptoKit
import Foundation
#else
import CLibcrypto // Linux, where the tests run
#endif

enum Hashing {
    /// The SHA-256 of bytes in lower-case hexadecimal digits.
    static func sha256(_ data: [UInt8]) -> String {
        #if canImport(CryptoKit)
        let digest = Array(CryptoKit.SHA256.hash(data: data))
        #else
        var digest = [UInt8](repeating: 0, count: 32)
        _ = CLibcrypto.SHA256(data, data.count, &digest)
        #endif
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Whether an Ed25519 signature (RFC 8032) is valid; false if the 32 bytes are no key.
    static func isValid(signature: [UInt8], key: [UInt8], content: [UInt8]) -> Bool {
        #if canImport(CryptoKit)
        let known = try? Curve25519.Signing.PublicKey(rawRepresentation: key)
        return known?.isValidSignature(Data(signature), for: Data(content)) ?? false
        #else
        guard let known = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, key, key.count) else { return false }
        defer { EVP_PKEY_free(known) }
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit(context, nil, nil, nil, known) == 1 else { return false }
        return EVP_DigestVerify(context, signature, signature.count, content, content.count) == 1
        #endif
    }
}
