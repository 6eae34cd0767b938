/// Resizing as Pillow does it for 8-bit RGB: antialiased, in two passes, with 22-bit fixed-point weights.
///
/// Equal in every bit to Pillow, which no resizing of Apple's is. Source of the rules: Pillow's `Resample.c` and `Reduce.c`,
/// by their arithmetic.
enum Resampling {
    private static let precisionBits = 22
    private static let half = 1 << (precisionBits - 1)

    /// The weights of the input pixels of one output pixel.
    private struct Taps {
        let first: Int
        let weights: [Int]
    }

    /// Resizes a whole image, across and then down.
    static func resized(_ image: Image, width: Int, height: Int, isBicubic: Bool) -> Image {
        let wide = across(image, rows: 0..<image.height, width: width, span: (0, Double(image.width)), isBicubic: isBicubic)
        return down(wide, height: height, span: (0, Double(image.height)), isBicubic: isBicubic)
    }

    /// Makes an RGB image smaller until its longer side has a length, as Pillow's `thumbnail`: first by whole factors.
    static func thumbnail(_ image: Image, sidePx: Int) -> Image {
        if max(image.width, image.height) <= sidePx { return image }
        let (width, height) = thumbnailSize(image, sidePx)
        let fewerAcross = max(1, image.width / width / 2)
        let fewerDown = max(1, image.height / height / 2)
        let small = fewerAcross > 1 || fewerDown > 1 ? reduced(image, fewerAcross, fewerDown) : image
        // The last block may be incomplete: the part that is resized ends within it.
        let right = Double(image.width) / Double(fewerAcross)
        let bottom = Double(image.height) / Double(fewerDown)
        let wide = across(small, rows: 0..<small.height, width: width, span: (0, right), isBicubic: true)
        return down(wide, height: height, span: (0, bottom), isBicubic: true)
    }

    /// Resizes the span of some rows to a width.
    static func across(_ image: Image, rows: Range<Int>, width: Int, span: (Double, Double), isBicubic: Bool) -> Image {
        if width == image.width, span.0 == 0, span.1 == Double(width) {
            return Image(rgb: Array(image.data[3 * width * rows.lowerBound..<3 * width * rows.upperBound]), width, rows.count)
        }
        let taps = tapsOf(image.width, span, width, isBicubic)
        var out = [UInt8](repeating: 0, count: 3 * width * rows.count)
        image.data.withUnsafeBufferPointer { rgb in
            out.withUnsafeMutableBufferPointer { to in
                for (line, row) in rows.enumerated() {
                    for x in 0..<width {
                        var (red, green, blue) = (half, half, half)
                        var from = 3 * (row * image.width + taps[x].first)
                        for weight in taps[x].weights {
                            red += Int(rgb[from]) * weight
                            green += Int(rgb[from + 1]) * weight
                            blue += Int(rgb[from + 2]) * weight
                            from += 3
                        }
                        let place = 3 * (line * width + x)
                        to[place] = clipped(red)
                        to[place + 1] = clipped(green)
                        to[place + 2] = clipped(blue)
                    }
                }
            }
        }
        return Image(rgb: out, width, rows.count)
    }

    /// Resizes the span of each column to a height.
    static func down(_ image: Image, height: Int, span: (Double, Double), isBicubic: Bool) -> Image {
        if height == image.height, span.0 == 0, span.1 == Double(height) { return image }
        let taps = tapsOf(image.height, span, height, isBicubic)
        let stride = 3 * image.width
        var out = [UInt8](repeating: 0, count: stride * height)
        image.data.withUnsafeBufferPointer { rgb in
            out.withUnsafeMutableBufferPointer { to in
                for y in 0..<height {
                    for x in 0..<stride {
                        var sum = half
                        var from = taps[y].first * stride + x
                        for weight in taps[y].weights {
                            sum += Int(rgb[from]) * weight
                            from += stride
                        }
                        to[y * stride + x] = clipped(sum)
                    }
                }
            }
        }
        return Image(rgb: out, image.width, height)
    }

    private static func clipped(_ sum: Int) -> UInt8 {
        UInt8(max(0, min(255, sum >> precisionBits)))
    }

    private static func tapsOf(_ length: Int, _ span: (Double, Double), _ outLength: Int, _ isBicubic: Bool) -> [Taps] {
        let start = Float(span.0) // Pillow passes the edges as 32-bit floats
        let scale = Double(Float(span.1) - start) / Double(outLength)
        let stretch = max(scale, 1)
        let reach: Double = isBicubic ? 2 * stretch : stretch
        return (0..<outLength).map { at -> Taps in
            let centre: Double = Double(start) + (Double(at) + 0.5) * scale
            let first = max(0, Int(centre - reach + 0.5))
            let end = min(length, Int(centre + reach + 0.5))
            let values: [Double] = (first..<end).map { x -> Double in
                let offset: Double = Double(x) - centre + 0.5
                return shape(offset * (1 / stretch), isBicubic)
            }
            return Taps(first: first, weights: fixedPoint(values))
        }
    }

    private static func fixedPoint(_ values: [Double]) -> [Int] {
        let sum = values.reduce(0, +)
        return values.map { value -> Int in
            let part: Double = sum == 0 ? value : value / sum
            let share: Double = part * Double(1 << precisionBits)
            return Int(share < 0 ? share - 0.5 : share + 0.5)
        }
    }

    private static func shape(_ offset: Double, _ isBicubic: Bool) -> Double {
        let x = abs(offset)
        if !isBicubic { return x < 1 ? 1 - x : 0 }
        let a = -0.5
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    }

    private static func thumbnailSize(_ image: Image, _ sidePx: Int) -> (Int, Int) {
        let side = Double(sidePx)
        let aspect = Double(image.width) / Double(image.height)
        if aspect <= 1 { return (nearestWhole(side * aspect) { abs(aspect - $0 / side) }, sidePx) }
        return (sidePx, nearestWhole(side / aspect) { $0 == 0 ? 0 : abs(aspect - side / $0) })
    }

    private static func nearestWhole(_ number: Double, _ error: (Double) -> Double) -> Int {
        let (below, above) = (number.rounded(.down), number.rounded(.up))
        return max(1, Int(error(above) < error(below) ? above : below))
    }

    /// An image of which each pixel is the mean of a block; the last blocks may be smaller.
    private static func reduced(_ image: Image, _ acrossPx: Int, _ downPx: Int) -> Image {
        let width = (image.width + acrossPx - 1) / acrossPx
        let height = (image.height + downPx - 1) / downPx
        var out = [UInt8](repeating: 0, count: 3 * width * height)
        image.data.withUnsafeBufferPointer { rgb in
            for y in 0..<height {
                let bottom = min((y + 1) * downPx, image.height)
                for x in 0..<width {
                    let right = min((x + 1) * acrossPx, image.width)
                    let count = (bottom - y * downPx) * (right - x * acrossPx)
                    let factor = (1 << 24) / count
                    for channel in 0..<3 {
                        var sum = count >> 1
                        for row in y * downPx..<bottom {
                            for column in x * acrossPx..<right {
                                sum += Int(rgb[3 * (row * image.width + column) + channel])
                            }
                        }
                        out[3 * (y * width + x) + channel] = UInt8(truncatingIfNeeded: sum * factor >> 24)
                    }
                }
            }
        }
        return Image(rgb: out, width, height)
    }
}
