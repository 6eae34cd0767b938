package org.example.edgefield

import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import android.graphics.BitmapFactory
import edgeidentify.Image
import edgeidentify.ImageEncoder
import edgeidentify.Manifest
import edgeidentify.Pack
import edgeidentify.PointNet
import edgeidentify.Runtime
import edgeidentify.TextEncoder
import java.nio.ByteBuffer
import java.nio.LongBuffer

/** Runs a pack's graphs with ONNX Runtime on the CPU. */
class OnnxRuntime : Runtime {
    private val environment = OrtEnvironment.getEnvironment()

    override fun imageEncoder(pack: Pack, variant: Manifest.Variant): ImageEncoder {
        val session = session(pack, variant)
        val sizePx = pack.manifest.preprocessing.sizePx.toLong()
        return ImageEncoder { pixels, count ->
            tensor(pixels, count.toLong(), sizePx, sizePx).use { input ->
                session.run(mapOf(variant.input.name to input)).use { rows(it, variant.output.name) }
            }
        }
    }

    override fun textEncoder(pack: Pack, variant: Manifest.Variant): TextEncoder {
        val session = session(pack, variant)
        return TextEncoder { tokens ->
            val flat = LongBuffer.wrap(tokens.flatMap { it.asList() }.toLongArray())
            val shape = longArrayOf(tokens.size.toLong(), tokens[0].size.toLong())
            OnnxTensor.createTensor(environment, flat, shape).use { input ->
                session.run(mapOf(variant.input.name to input)).use { rows(it, variant.output.name) }
            }
        }
    }

    override fun pointNet(pack: Pack, variant: Manifest.Variant): PointNet {
        val session = session(pack, variant)
        return PointNet { pixels, width, height ->
            tensor(pixels, 1, height.toLong(), width.toLong()).use { input ->
                session.run(mapOf(variant.input.name to input)).use { found ->
                    val reliability = found.get(variant.reliability.name).get() as OnnxTensor
                    val (rows, columns) = reliability.info.shape.takeLast(2).map { it.toInt() }
                    PointNet.Maps(
                        floats(found, variant.output.name), floats(found, variant.heat.name),
                        floats(found, variant.reliability.name), rows, columns,
                    )
                }
            }
        }
    }

    override fun decode(file: ByteArray): Image {
        // Colours are kept as they are stored; Android decodes WebP itself.
        val options = BitmapFactory.Options().apply { inPremultiplied = false }
        val bitmap = requireNotNull(BitmapFactory.decodeByteArray(file, 0, file.size, options)) { "the image cannot be decoded" }
        return imageOf(bitmap)
    }

    /** `pack.file` has checked length and hash before ONNX Runtime sees a byte. */
    private fun session(pack: Pack, variant: Manifest.Variant): OrtSession {
        val options = OrtSession.SessionOptions().apply { setIntraOpNumThreads(2) }
        return try {
            environment.createSession(pack.file(variant.model), options)
        } catch (error: OrtException) {
            throw IllegalStateException("${variant.model}: ONNX Runtime cannot load this model", error)
        }
    }

    private fun tensor(data: ByteArray, count: Long, height: Long, width: Long): OnnxTensor {
        val direct = ByteBuffer.allocateDirect(data.size).put(data).apply { rewind() }
        return OnnxTensor.createTensor(environment, direct, longArrayOf(count, height, width, 3), OnnxJavaType.UINT8)
    }

    private fun floats(found: OrtSession.Result, name: String): FloatArray {
        val buffer = (found.get(name).get() as OnnxTensor).floatBuffer
        return FloatArray(buffer.remaining()).also { buffer.get(it) }
    }

    private fun rows(found: OrtSession.Result, name: String): Array<FloatArray> {
        val all = floats(found, name)
        val count = (found.get(name).get() as OnnxTensor).info.shape[0].toInt()
        val dim = all.size / count
        return Array(count) { all.copyOfRange(it * dim, (it + 1) * dim) }
    }
}
