package org.example.edgefield

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.ImageDecoder
import android.net.Uri
import edgeidentify.Image

/** The pixels of a bitmap. */
fun imageOf(bitmap: Bitmap): Image {
    val argb = IntArray(bitmap.width * bitmap.height)
    bitmap.getPixels(argb, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
    return Image.ofArgb(argb, bitmap.width, bitmap.height)
}

/** A photo, upright. Needs Android 9 for ImageDecoder, which turns photos by their EXIF. */
fun photo(resolver: ContentResolver, uri: Uri): Image {
    val bitmap = ImageDecoder.decodeBitmap(ImageDecoder.createSource(resolver, uri)) { decoder, info, _ ->
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE // a hardware bitmap has no pixels to read
        decoder.isUnpremultipliedRequired = true
        // The core resizes as Pillow does. Only a photo too large for memory is made smaller before, by a whole factor.
        decoder.setTargetSampleSize(maxOf(1, maxOf(info.size.width, info.size.height) / 4096))
    }
    return imageOf(bitmap)
}
