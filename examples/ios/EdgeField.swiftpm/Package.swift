// swift-tools-version: 5.9
import AppleProductTypes
import PackageDescription

let package = Package(
    name: "EdgeField",
    platforms: [.iOS("16.0")],
    products: [
        .iOSApplication(
            name: "EdgeField",
            targets: ["EdgeField"],
            bundleIdentifier: "org.example.edgefield",
            displayVersion: "1.0",
            bundleVersion: "1",
            appIcon: .placeholder(icon: .magicWand),
            accentColor: .presetColor(.blue),
            supportedDeviceFamilies: [.phone, .pad],
            supportedInterfaceOrientations: [.portrait, .landscapeLeft, .landscapeRight]
        )
    ],
    dependencies: [.package(path: "../../../edge_runtime/swift")],
    targets: [
        .executableTarget(
            name: "EdgeField",
            dependencies: [.product(name: "EdgeIdentify", package: "swift")],
            path: ".",
            resources: [.copy("Resources")]
        )
    ]
)
