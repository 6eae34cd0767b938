/// From an upright image to the encoder's pixels. Mean, deviation and channel order are inside the encoder's graph.
public struct Preprocessing: Sendable {
    public let sizePx: Int
    /// `shortest-side` or `squash`.
    public let resizeMode: String
    /// `pillow-bicubic` or `pillow-bilinear`.
    public let interpolation: String
    /// The share of the kept part that each view of a photo shows.
    public let photoViews: [Double]

    package init(sizePx: Int, resizeMode: String, interpolation: String, photoViews: [Double]) {
        self.sizePx = sizePx
        self.resizeMode = resizeMode
        self.interpolation = interpolation
        self.photoViews = photoViews
    }

    /// The pixels of each view of a photo, one after the other: RGB, views x size x size x 3.
    public func photoPixels(_ photo: Image) -> [UInt8] {
        views(photo, photoViews)
    }

    /// The pixels as for a reference image: one view, the whole kept part.
    public func pixels(_ image: Image) -> [UInt8] {
        views(image, [1])
    }

    private func views(_ photo: Image, _ shares: [Double]) -> [UInt8] {
        let image = photo.opaque()
        let across = keptSpan(image.width, image.height)
        let down = keptSpan(image.height, image.width)
        return shares.flatMap { share in
            square(image, middle(across, share, image.width), middle(down, share, image.height))
        }
    }

    private func keptSpan(_ length: Int, _ other: Int) -> (Double, Double) {
        if resizeMode == "squash" || length <= other { return (0, Double(length)) }
        let scaled = sizePx * length / other
        let offset = (scaled - sizePx) / 2
        return (Double(offset * length) / Double(scaled), Double((offset + sizePx) * length) / Double(scaled))
    }

    private func middle(_ span: (Double, Double), _ share: Double, _ most: Int) -> (Double, Double) {
        let left = share == 1 ? 0 : (span.1 - span.0) * (1 - share) / 2
        return (span.0 + left, min(span.1 - left, Double(most)))
    }

    /// Resizes the rows that the filter reaches, then the columns.
    private func square(_ image: Image, _ x: (Double, Double), _ y: (Double, Double)) -> [UInt8] {
        let isBicubic = interpolation == "pillow-bicubic"
        let margin = 2 * max(1, (y.1 - y.0) / Double(sizePx)) + 1
        let first = Int(max(0, (y.0 - margin).rounded(.down)))
        let last = Int(min(Double(image.height), (y.1 + margin).rounded(.up)))
        let across = Resampling.across(image, rows: first..<last, width: sizePx, span: x, isBicubic: isBicubic)
        let span = (y.0 - Double(first), y.1 - Double(first))
        return Resampling.down(across, height: sizePx, span: span, isBicubic: isBicubic).data
    }
}
