#if canImport(CoreML) && canImport(ImageIO)
import CoreML
import CoreVideo
import Foundation
import ImageIO

/// Runs a pack with Core ML. Linux, where the tests run, has no Core ML: this file was never compiled.
///
/// `folder` is the folder of the pack, since Core ML opens models by their path. Compiled models are kept in `cache`, by the hashes
/// of their files.
public final class CoreMLRuntime: Runtime {
    private let folder: URL
    private let cache: URL
    private let units: MLComputeUnits

    public init(folder: URL, cache: URL, computeUnits: MLComputeUnits = .all) {
        self.folder = folder
        self.cache = cache
        units = computeUnits
    }

    public func imageEncoder(_ pack: Pack, _ variant: Manifest.Variant) throws -> ImageEncoder {
        CoreMLImages(model: try model(pack, variant), variant: variant)
    }

    public func textEncoder(_ pack: Pack, _ variant: Manifest.Variant) throws -> TextEncoder? {
        CoreMLTexts(model: try model(pack, variant), variant: variant)
    }

    public func pointNet(_ pack: Pack, _ variant: Manifest.Variant) throws -> PointNet? {
        variant.runtime == "coreml" ? CoreMLPoints(model: try model(pack, variant), variant: variant) : nil
    }

    public func decode(_ file: [UInt8]) throws -> Image {
        let source = CGImageSourceCreateWithData(Data(file) as CFData, nil)
        guard let source, let image = CGImageSourceCreateImageAtIndex(source, 0, nil) else {
            throw EdgeIdentifyError.photo("the image cannot be decoded")
        }
        return try Image(cgImage: image)
    }

    /// Compiles a model once. Every file of it is checked first.
    private func model(_ pack: Pack, _ variant: Manifest.Variant) throws -> MLModel {
        for path in variant.files { _ = try pack.file(path) }
        let hashes = variant.files.sorted().compactMap { pack.manifest.files[$0]?.sha256 }.joined()
        let compiled = cache.appendingPathComponent(Hashing.sha256(Array(hashes.utf8)) + ".mlmodelc")
        if !FileManager.default.fileExists(atPath: compiled.path) {
            let made = try MLModel.compileModel(at: folder.appendingPathComponent(variant.model))
            try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
            try FileManager.default.moveItem(at: made, to: compiled)
        }
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units
        return try MLModel(contentsOf: compiled, configuration: configuration)
    }
}

extension Image {
    /// The pixels of an upright picture. The bytes are taken as they are: drawing into the picture's own colour space converts nothing.
    public init(cgImage: CGImage) throws {
        let (width, height) = (cgImage.width, cgImage.height)
        var data = [UInt8](repeating: 0, count: 4 * width * height)
        let isRgb = cgImage.colorSpace?.model == .rgb
        let space = (isRgb ? cgImage.colorSpace : nil) ?? CGColorSpaceCreateDeviceRGB()
        let isDrawn = data.withUnsafeMutableBytes { bytes -> Bool in
            let context = CGContext(
                data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 4 * width, space: space,
                bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            context?.setFillColor(gray: 1, alpha: 1) // transparency is laid over white
            context?.fill(CGRect(x: 0, y: 0, width: width, height: height))
            context?.draw(cgImage, in: CGRect(x: 0, y: 0, width: width, height: height))
            return context != nil
        }
        guard isDrawn else { throw EdgeIdentifyError.photo("the photo of \(width) x \(height) pixels cannot be drawn") }
        for at in stride(from: 3, to: data.count, by: 4) { data[at] = 255 }
        try self.init(data: data, width: width, height: height)
    }
}

/// One graph with one image as its input.
private func prediction(_ model: MLModel, _ input: String, _ rgb: ArraySlice<UInt8>, width: Int, height: Int) throws -> MLFeatureProvider {
    var buffer: CVPixelBuffer?
    CVPixelBufferCreate(nil, width, height, kCVPixelFormatType_32BGRA, nil, &buffer)
    guard let buffer, CVPixelBufferLockBaseAddress(buffer, []) == kCVReturnSuccess,
        let base = CVPixelBufferGetBaseAddress(buffer)?.assumingMemoryBound(to: UInt8.self)
    else { throw EdgeIdentifyError.setup("no memory for an image of \(width) x \(height) pixels") }
    let bytesPerRow = CVPixelBufferGetBytesPerRow(buffer)
    for at in 0..<width * height {
        let (from, to) = (rgb.startIndex + 3 * at, at / width * bytesPerRow + at % width * 4)
        (base[to], base[to + 1], base[to + 2], base[to + 3]) = (rgb[from + 2], rgb[from + 1], rgb[from], 255)
    }
    CVPixelBufferUnlockBaseAddress(buffer, [])
    return try model.prediction(from: MLDictionaryFeatureProvider(dictionary: [input: MLFeatureValue(pixelBuffer: buffer)]))
}

private func numbers(_ output: MLFeatureProvider, _ name: String, _ model: String) throws -> (data: [Float], shape: [Int]) {
    guard let array = output.featureValue(for: name)?.multiArrayValue else {
        throw EdgeIdentifyError.damaged(model, "has no output \(name)")
    }
    return ((0..<array.count).map { array[$0].floatValue }, array.shape.map(\.intValue))
}

private struct CoreMLImages: ImageEncoder {
    let model: MLModel
    let variant: Manifest.Variant

    func embed(_ pixels: [UInt8], count: Int) throws -> [[Float]] {
        let length = pixels.count / count
        let side = Int(Double(length / 3).squareRoot())
        return try (0..<count).map { image in
            let part = pixels[image * length..<(image + 1) * length]
            let output = try prediction(model, variant.input.name, part, width: side, height: side)
            return try numbers(output, variant.output.name, variant.model).data
        }
    }
}

private struct CoreMLTexts: TextEncoder {
    let model: MLModel
    let variant: Manifest.Variant

    func embed(_ tokens: [[Int64]]) throws -> [[Float]] {
        try tokens.map { row in
            let array = try MLMultiArray(shape: [1, NSNumber(value: row.count)], dataType: .int32)
            for (at, token) in row.enumerated() { array[at] = NSNumber(value: token) }
            let input = try MLDictionaryFeatureProvider(dictionary: [variant.input.name: MLFeatureValue(multiArray: array)])
            return try numbers(model.prediction(from: input), variant.output.name, variant.model).data
        }
    }
}

private struct CoreMLPoints: PointNet {
    let model: MLModel
    let variant: Manifest.Variant

    func run(_ pixels: [UInt8], width: Int, height: Int) throws -> PointMaps {
        guard let heat = variant.heat?.name, let reliability = variant.reliability?.name else {
            throw EdgeIdentifyError.damaged(variant.model, "has no outputs of a local-feature net")
        }
        let output = try prediction(model, variant.input.name, pixels[...], width: width, height: height)
        let trust = try numbers(output, reliability, variant.model)
        return PointMaps(
            descriptors: try numbers(output, variant.output.name, variant.model).data,
            heat: try numbers(output, heat, variant.model).data, reliability: trust.data,
            rows: trust.shape[trust.shape.count - 2], columns: trust.shape[trust.shape.count - 1])
    }
}
#endif
