package org.egnet.deblur

import android.app.ActivityManager
import android.content.ContentResolver
import android.content.Context
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Canvas
import android.graphics.ColorSpace
import android.graphics.ImageDecoder
import android.graphics.Paint
import android.graphics.Rect
import android.net.Uri
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import kotlin.math.max
import kotlin.math.roundToInt
import org.egnet.deblur.core.Area
import org.egnet.deblur.core.PhotoSink
import org.egnet.deblur.core.PhotoSource
import org.egnet.deblur.core.blend
import org.egnet.deblur.core.exifOf
import org.egnet.deblur.core.withExif

/** The photo has more pixels than fit into the free memory. */
class TooLargeException : RuntimeException()

/**
 * A photo, the restored photo as it grows, and previews of both for the screen, which
 * cannot draw bitmaps of any size.
 */
class Photo private constructor(
    private val blurry: Bitmap,
    private var restored: Bitmap?,
    private val exif: ByteArray?,
) : PhotoSource, PhotoSink {
    override val height: Int get() = blurry.height
    override val width: Int get() = blurry.width

    private val previewScale = minOf(1f, PREVIEW_SIDE / max(width, height).toFloat())
    private val paint = Paint(Paint.FILTER_BITMAP_FLAG)

    val blurryPreview: Bitmap = view(blurry, Area(0, 0, width, height), previewScale)
    val restoredPreview: Bitmap = restored?.let { view(it, Area(0, 0, width, height), previewScale) }
        ?: Bitmap.createBitmap(blurryPreview.width, blurryPreview.height, Bitmap.Config.ARGB_8888)

    /** Whether the previews show fewer pixels than the photo has. */
    val hasDetail: Boolean get() = previewScale < 1

    override fun read(top: Int, left: Int, height: Int, width: Int) =
        IntArray(height * width).also { blurry.getPixels(it, 0, width, left, top, width, height) }

    override fun write(top: Int, left: Int, width: Int, argb: IntArray) {
        val bitmap = checkNotNull(restored)
        val rows = argb.size / width
        bitmap.setPixels(argb, 0, width, left, top, width, rows)
        val source = Rect(left, top, left + width, top + rows)
        fun scaled(length: Int) = (length * previewScale).roundToInt()
        val target = Rect(scaled(left), scaled(top), scaled(left + width), scaled(top + rows))
        Canvas(restoredPreview).drawBitmap(bitmap, source, target, paint)
    }

    /** Allocates the restored photo, or clears its preview. */
    fun startOver() {
        if (restored == null) restored = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
        restoredPreview.eraseColor(0)
    }

    /** The same area of both photos, scaled. */
    fun detail(area: Area, scale: Float): Pair<Bitmap, Bitmap?> =
        view(blurry, area, scale) to restored?.let { view(it, area, scale) }

    /** Writes the restored photo without loss, so that its pixels need not stay in memory. */
    fun keep(file: File) = file.outputStream().use {
        if (!checkNotNull(restored).compress(Bitmap.CompressFormat.PNG, 100, it)) {
            throw IOException("Expected a file to write to. Received: $file")
        }
    }

    /** Writes the restored photo, blended with the original, as a JPEG with its EXIF. */
    fun save(resolver: ContentResolver, uri: Uri, strength: Float) {
        val bitmap = if (strength == 1f) checkNotNull(restored) else blended(strength)
        val encoded = ByteArrayOutputStream()
        bitmap.compress(Bitmap.CompressFormat.JPEG, JPEG_QUALITY, encoded)
        val file = withExif(encoded.toByteArray(), exif, width, height)
        // "t": a longer file that is replaced would keep its end.
        resolver.openOutputStream(uri, "wt")?.use { it.write(file) }
            ?: throw IOException("Expected a file to write to. Received: $uri")
    }

    private fun blended(strength: Float): Bitmap {
        val result = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
        for (top in 0 until height step BLENDED_ROWS) {
            val rows = minOf(BLENDED_ROWS, height - top)
            val pixels = IntArray(rows * width)
            checkNotNull(restored).getPixels(pixels, 0, width, 0, top, width, rows)
            blend(read(top, 0, rows, width), pixels, strength.toDouble())
            result.setPixels(pixels, 0, width, 0, top, width, rows)
        }
        return result
    }

    private fun view(bitmap: Bitmap, area: Area, scale: Float): Bitmap {
        val target = Bitmap.createBitmap(
            max(1, (area.width * scale).roundToInt()),
            max(1, (area.height * scale).roundToInt()),
            Bitmap.Config.ARGB_8888,
        )
        val source = Rect(area.left, area.top, area.left + area.width, area.top + area.height)
        Canvas(target).drawBitmap(bitmap, source, Rect(0, 0, target.width, target.height), paint)
        return target
    }

    companion object {
        private const val PREVIEW_SIDE = 2048f
        private const val JPEG_QUALITY = 95
        private const val BLENDED_ROWS = 256

        /** Four bytes a pixel each for the blurry and the restored photo; the rest is for decoding. */
        private const val BYTES_PER_PIXEL = 12L

        /**
         * Decodes a photo, upright, in sRGB.
         *
         * @param kept the restored photo, as [keep] wrote it, or null.
         * @throws IOException if the file cannot be decoded as a photo.
         * @throws TooLargeException if it does not fit into the free memory.
         */
        fun open(context: Context, uri: Uri, kept: File?): Photo {
            val memory = ActivityManager.MemoryInfo()
            context.getSystemService(ActivityManager::class.java).getMemoryInfo(memory)
            val free = memory.availMem - memory.threshold
            val source = ImageDecoder.createSource(context.contentResolver, uri)
            val bitmap = ImageDecoder.decodeBitmap(source) { decoder, info, _ ->
                val pixels = info.size.width.toLong() * info.size.height
                if (pixels * BYTES_PER_PIXEL > free) throw TooLargeException()
                // In main memory: the pixels are read one by one.
                decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
                decoder.setTargetColorSpace(ColorSpace.get(ColorSpace.Named.SRGB))
            }
            val options = BitmapFactory.Options().apply { inMutable = true }
            val restored = kept?.let { BitmapFactory.decodeFile(it.path, options) }
            return Photo(bitmap, restored, readExif(context, uri))
        }

        /** The system takes the place out of it, for this app may not know where people were. */
        private fun readExif(context: Context, uri: Uri): ByteArray? = try {
            context.contentResolver.openInputStream(uri)?.use { exifOf(it.readBytes()) }
        } catch (_: IOException) {
            null
        }
    }
}
