/// Something cannot be used. The message names the thing, what was found and what to do.
public struct EdgeIdentifyError: Error, CustomStringConvertible, Sendable {
    /// What is wrong. The raw values are the same words in every core.
    public enum Code: String, Sendable {
        /// A photo cannot be used.
        case photo
        /// A file of the pack has changed, ends early, or holds what it must not hold.
        case packDamaged = "pack-damaged"
        /// The manifest, the listing or the calibration is invalid.
        case packFormat = "pack-format"
        /// The pack or the listing has a newer format than this software reads.
        case packNewerFormat = "pack-newer-format"
        /// No encoder of the pack runs here.
        case packNoEncoder = "pack-no-encoder"
        /// What the server offers is not what its publisher signed.
        case untrusted
        /// An option is out of range, a filter fits nothing, or the device lacks something.
        case setup
    }

    public let code: Code
    public let message: String

    public var description: String { message }

    static func damaged(_ path: String, _ found: String) -> EdgeIdentifyError {
        EdgeIdentifyError(code: .packDamaged, message: "\(path): \(found); build or fetch the pack again")
    }

    static func format(_ message: String) -> EdgeIdentifyError {
        EdgeIdentifyError(code: .packFormat, message: message)
    }

    static func newerFormat(_ path: String, found: Int, known: Int) -> EdgeIdentifyError {
        let message = "\(path): format \(found), but this software reads up to \(known); update the app"
        return EdgeIdentifyError(code: .packNewerFormat, message: message)
    }

    static func photo(_ message: String) -> EdgeIdentifyError {
        EdgeIdentifyError(code: .photo, message: message)
    }

    static func setup(_ message: String) -> EdgeIdentifyError {
        EdgeIdentifyError(code: .setup, message: message)
    }

    static func untrusted(_ message: String) -> EdgeIdentifyError {
        let whole = "\(message); nothing is installed, and installed packs go on working"
        return EdgeIdentifyError(code: .untrusted, message: whole)
    }
}
