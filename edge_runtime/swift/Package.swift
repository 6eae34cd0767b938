// swift-tools-version:5.9
import PackageDescription

var targets: [Target] = [
    .target(name: "EdgeIdentify"),
    .testTarget(name: "EdgeIdentifyTests", dependencies: ["EdgeIdentify"]),
]

#if os(Linux)
// Apple's systems have CryptoKit. Linux, where the tests run, has SHA-256 and Ed25519 from OpenSSL.
targets[0].dependencies.append("CLibcrypto")
targets.append(.systemLibrary(name: "CLibcrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]))
#endif

let package = Package(
    name: "EdgeIdentify",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "EdgeIdentify", targets: ["EdgeIdentify"])],
    targets: targets
)
