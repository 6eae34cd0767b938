/// Texts from bytes.
enum Utf8 {
    /// The text, or nil if the bytes are not UTF-8.
    static func decoded(_ bytes: [UInt8]) -> String? {
        var decoder = UTF8()
        var source = bytes.makeIterator()
        var found = String.UnicodeScalarView()
        while true {
            switch decoder.decode(&source) {
            case .scalarValue(let sign): found.append(sign)
            case .emptyInput: return String(found)
            case .error: return nil
            }
        }
    }
}
