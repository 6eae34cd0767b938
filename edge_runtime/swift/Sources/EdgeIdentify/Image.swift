/// An upright image: RGB or RGBA (not premultiplied), 8 bits, row by row from the top.
public struct Image: Sendable {
    /// More pixels are refused.
    public static let maxPixels = 100_000_000

    public let data: [UInt8]
    public let width: Int
    public let height: Int

    /// Takes 3 or 4 numbers for each pixel.
    public init(data: [UInt8], width: Int, height: Int) throws {
        let (count, isTooLarge) = width.multipliedReportingOverflow(by: height)
        guard width >= 1, height >= 1, !isTooLarge, count <= Image.maxPixels else {
            throw EdgeIdentifyError.photo(
                "the photo has \(width) x \(height) pixels; 1 to \(Image.maxPixels / 1_000_000) million are read")
        }
        guard data.count == 3 * count || data.count == 4 * count else {
            throw EdgeIdentifyError.photo(
                "the photo has \(data.count) numbers for \(width) x \(height) pixels; give 3 (RGB) or 4 (RGBA) for each")
        }
        self.data = data
        self.width = width
        self.height = height
    }

    /// For pixels that this module made.
    init(rgb data: [UInt8], _ width: Int, _ height: Int) {
        self.data = data
        self.width = width
        self.height = height
    }

    /// Returns a region as an image of its own; it must lie inside.
    public func cropped(left: Int, top: Int, width: Int, height: Int) throws -> Image {
        let isPositive = left >= 0 && top >= 0 && width > 0 && height > 0
        guard isPositive, left < self.width, top < self.height, width <= self.width - left, height <= self.height - top else {
            throw EdgeIdentifyError.photo(
                "the region \(left),\(top),\(width),\(height) is not inside the photo of \(self.width) x \(self.height) pixels")
        }
        let channels = data.count / (self.width * self.height)
        var part: [UInt8] = []
        part.reserveCapacity(channels * width * height)
        for row in top..<top + height {
            let from = channels * (row * self.width + left)
            part.append(contentsOf: data[from..<from + channels * width])
        }
        return Image(rgb: part, width, height)
    }

    /// The image as RGB, with transparency laid over white, as Pillow does it.
    func opaque() -> Image {
        let count = width * height
        if data.count == 3 * count { return self }
        let isFlat = hasEmptyAlpha
        var rgb = [UInt8](repeating: 0, count: 3 * count)
        data.withUnsafeBufferPointer { from in
            for at in 0..<count {
                let alpha = isFlat ? 255 : Int(from[4 * at + 3])
                for channel in 0..<3 {
                    rgb[3 * at + channel] = Image.overWhite(Int(from[4 * at + channel]), alpha)
                }
            }
        }
        return Image(rgb: rgb, width, height)
    }

    private static func overWhite(_ value: Int, _ alpha: Int) -> UInt8 {
        if alpha == 255 { return UInt8(value) }
        if alpha == 0 { return 255 }
        // Pillow blends with 7 further bits, and divides by 255 with two shifts.
        let mixed = value * (alpha * 128) + 255 * (255 - alpha) * 128 + (0x80 << 7)
        return UInt8((((mixed >> 8) + mixed) >> 8) >> 7)
    }

    /// Whether alpha is 0 everywhere, over more than one colour: then it means nothing.
    private var hasEmptyAlpha: Bool {
        var isOneColour = true
        for at in stride(from: 0, to: data.count, by: 4) {
            if data[at + 3] != 0 { return false }
            isOneColour = isOneColour && data[at] == data[0] && data[at + 1] == data[1] && data[at + 2] == data[2]
        }
        return !isOneColour
    }
}
