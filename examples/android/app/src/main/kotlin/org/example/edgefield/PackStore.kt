package org.example.edgefield

import android.content.Context
import edgeidentify.FolderStorage
import edgeidentify.Listing
import edgeidentify.Manifest
import edgeidentify.PackIdentifier
import edgeidentify.PackNames
import edgeidentify.Sha256
import edgeidentify.SignatureVerifier
import edgeidentify.TrustedTarget
import java.io.File
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL
import java.util.Date

/**
 * The pack on this phone: one folder for each version, and a file `CURRENT` that names the one in use and is written last.
 *
 * `assets/root.json` is the publisher's root, and comes with the app.
 */
class PackStore(private val context: Context, private val server: String, private val name: String) {
    private val home = File(context.filesDir, "packs/$name").apply { mkdirs() }
    private val pointer = File(home, "CURRENT")

    /** The installed version; null if there is none. */
    val version: String? get() = if (pointer.exists()) pointer.readText() else null

    fun open(): PackIdentifier? = version?.let { PackIdentifier.open(FolderStorage(File(home, it)), OnnxRuntime()) }

    /** Fetches the version that the publisher wants, if it is another one. Off the main thread. */
    fun update(progress: (Long, Long) -> Unit) {
        val wanted = TrustedTarget.find(name, Date(), device, SignatureVerifier.ofPlatform())
            ?: throw IOException("the publisher has no pack $name")
        val before = version
        if (before == wanted.version) return
        if (before != null && PackNames.compareVersions(wanted.version, before) < 0) throw IOException("the server offers an older version")
        val folder = File(home, wanted.version)
        val data = checked(Listing.manifestPath(name, wanted.version), wanted.lengthBytes, wanted.sha256)
        val manifest = Manifest.parse(data)
        if (manifest.name != name || manifest.version != wanted.version) throw IOException("the manifest is of another pack")
        val files = manifest.filesFor(manifest.variantsToKeep())
        val total = files.sumOf { it.lengthBytes }
        var done = 0L
        for (entry in files) {
            // A file of before is taken, so that an interrupted update goes on, and the encoder is fetched once.
            val target = File(folder, entry.path)
            val same = listOfNotNull(target, before?.let { File(File(home, it), entry.path) })
                .firstOrNull { it.length() == entry.lengthBytes && Sha256.of(it.readBytes()) == entry.sha256 }
            val content = same?.readBytes() ?: checked(Listing.blobPath(entry.sha256), entry.lengthBytes, entry.sha256)
            if (same != target) write(target, content)
            done += entry.lengthBytes
            progress(done, total)
        }
        write(File(folder, Manifest.FILE_NAME), data)
        PackIdentifier.open(FolderStorage(folder), OnnxRuntime()).selfTest() // a wrong result on this phone is found here
        write(pointer, wanted.version.toByteArray())
        home.listFiles()?.filter { it.isDirectory && it.name != wanted.version && it.name != before && it.name != "trust" }
            ?.forEach { it.deleteRecursively() }
    }

    private fun write(file: File, data: ByteArray) {
        file.parentFile?.mkdirs()
        val part = File(file.path + ".part")
        part.outputStream().use { stream ->
            stream.write(data)
            stream.fd.sync()
        }
        if (!part.renameTo(file)) throw IOException("$file cannot be written: is the storage full?")
    }

    private fun checked(path: String, lengthBytes: Long, sha256: String): ByteArray {
        val data = fetched(path, lengthBytes.toInt()) ?: throw IOException("$path is missing on the server")
        if (data.size.toLong() != lengthBytes || Sha256.of(data) != sha256) throw IOException("$path has changed on the way")
        return data
    }

    /** A file of the server; null for status 404 or 403. It stops one byte after the limit. */
    private fun fetched(path: String, maxBytes: Int): ByteArray? {
        val connection = URL("$server/$path").openConnection() as HttpURLConnection
        connection.connectTimeout = 20_000
        connection.readTimeout = 20_000
        try {
            if (connection.responseCode in listOf(403, 404)) return null
            if (connection.responseCode != 200) throw IOException("$path: status ${connection.responseCode}")
            val found = java.io.ByteArrayOutputStream()
            val chunk = ByteArray(65_536)
            connection.inputStream.use { stream ->
                while (found.size() <= maxBytes) {
                    val count = stream.read(chunk)
                    if (count < 0) break
                    found.write(chunk, 0, count)
                }
            }
            return found.toByteArray()
        } finally {
            connection.disconnect()
        }
    }

    private val device = object : TrustedTarget.Device {
        private val trust = File(home, "trust").apply { mkdirs() }

        override fun pinnedRoot(): ByteArray = context.assets.open("root.json").use { it.readBytes() }

        override fun fetch(path: String, maxBytes: Int): ByteArray? = fetched(path, maxBytes)

        override fun stored(key: String): ByteArray? = File(trust, key).takeIf { it.exists() }?.readBytes()

        override fun keep(key: String, data: ByteArray) = write(File(trust, key), data)
    }
}
