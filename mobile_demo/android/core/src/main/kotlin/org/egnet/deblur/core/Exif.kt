package org.egnet.deblur.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

// EXIF that is carried from the photo to the restored one. A block of EXIF is a TIFF file
// without an image. It is corrected in place, because the offsets inside of it (the
// camera's own notes have some that only the camera knows) must stay right.

private val EXIF = "Exif\u0000\u0000".toByteArray(Charsets.ISO_8859_1)
private const val MOST_SEGMENT = 0xffff - 2

private const val ORIENTATION = 0x0112
private const val THUMBNAIL = 0x0201
private const val THUMBNAIL_LENGTH = 0x0202
private const val EXIF_DIRECTORY = 0x8769
private const val WIDTH = 0xa002
private const val HEIGHT = 0xa003
private const val SHORT: Short = 3
private const val LONG: Short = 4

/**
 * Finds the EXIF block of a JPEG, PNG or WebP file.
 *
 * @return the block from its byte order on, or null if there is none or it is damaged.
 */
fun exifOf(file: ByteArray): ByteArray? = try {
    when {
        file.has(0, "\u00ff\u00d8") -> jpegExif(file)
        file.has(0, "\u0089PNG\r\n\u001a\n") -> pngExif(file)
        file.has(0, "RIFF") && file.has(8, "WEBP") -> webpExif(file)
        else -> null
    }
} catch (_: IndexOutOfBoundsException) {
    null
}

/**
 * A JPEG file with a photo's EXIF: upright, of this size, and without the thumbnail, which
 * shows the blurry photo.
 *
 * @param jpeg as the device encodes it, without EXIF.
 * @param exif see [exifOf]; what is damaged or too long for JPEG is left out.
 */
fun withExif(jpeg: ByteArray, exif: ByteArray?, width: Int, height: Int): ByteArray {
    val content = EXIF + (exif?.let { uprightExif(it, width, height) } ?: return jpeg)
    if (content.size > MOST_SEGMENT || !jpeg.has(0, "\u00ff\u00d8")) return jpeg
    // After the segment of JFIF, which must be the first.
    val place = if (jpeg.has(2, "\u00ff\u00e0")) 4 + jpeg.short(4) else 2
    val length = content.size + 2
    val head = byteArrayOf(-1, 0xe1.toByte(), (length shr 8).toByte(), length.toByte())
    return jpeg.copyOfRange(0, place) + head + content + jpeg.copyOfRange(place, jpeg.size)
}

/** The block, corrected; null if it is damaged. */
internal fun uprightExif(exif: ByteArray, width: Int, height: Int): ByteArray? = try {
    val block = Block(exif.copyOf())
    val first = block.directory(block.long(4))
    block.setInteger(first.entries[ORIENTATION], 1)
    if (first.next + 4 <= exif.size) {
        val second = block.long(first.next)
        block.buffer.putInt(first.next, 0)
        if (second != 0) erase(block, second)
    }
    block.integer(first.entries[EXIF_DIRECTORY])?.let {
        val details = block.directory(it).entries
        block.setInteger(details[WIDTH], width)
        block.setInteger(details[HEIGHT], height)
    }
    block.bytes
} catch (_: IndexOutOfBoundsException) {
    null
} catch (_: IllegalArgumentException) {
    null
}

/** Overwrites the thumbnail that a directory describes; a damaged one has none. */
private fun erase(block: Block, directory: Int) {
    try {
        val entries = block.directory(directory).entries
        val start = block.integer(entries[THUMBNAIL]) ?: return
        val length = block.integer(entries[THUMBNAIL_LENGTH]) ?: return
        // Not what stands before it, such as the tags of a block that lies.
        if (start > directory && length >= 0) {
            val end = minOf(start.toLong() + length, block.bytes.size.toLong()).toInt()
            if (start < end) block.bytes.fill(0, start, end)
        }
    } catch (_: IndexOutOfBoundsException) {
        // No thumbnail to erase.
    } catch (_: IllegalArgumentException) {
        // The same.
    }
}

private class Directory(val entries: Map<Int, Int>, val next: Int)

private class Block(val bytes: ByteArray) {
    val buffer: ByteBuffer = ByteBuffer.wrap(bytes).order(
        if (bytes.has(0, "II")) ByteOrder.LITTLE_ENDIAN else ByteOrder.BIG_ENDIAN,
    )

    init {
        require((bytes.has(0, "II") || bytes.has(0, "MM")) && short(2) == 42) {
            "Expected an EXIF block. Received: other bytes"
        }
    }

    fun short(at: Int): Int = buffer.getShort(at).toInt() and 0xffff

    fun long(at: Int): Int = buffer.getInt(at)

    /** Where the entry of each tag stands, and where the offset of the next directory. */
    fun directory(at: Int): Directory {
        val next = at + 2 + 12 * short(at)
        require(next <= bytes.size) { "Expected a directory. Received: a part of one" }
        return Directory((at + 2 until next step 12).associateBy(::short), next)
    }

    fun integer(entry: Int?): Int? = when (entry?.let { buffer.getShort(it + 2) }) {
        SHORT -> short(entry + 8)
        LONG -> long(entry + 8)
        else -> null
    }

    fun setInteger(entry: Int?, value: Int) {
        when (entry?.let { buffer.getShort(it + 2) }) {
            SHORT -> buffer.putShort(entry + 8, value.toShort())
            LONG -> buffer.putInt(entry + 8, value)
        }
    }
}

private fun jpegExif(file: ByteArray): ByteArray? {
    var at = 2
    while (at + 4 <= file.size && file[at] == 0xff.toByte()) {
        val marker = file[at + 1].toInt() and 0xff
        if (marker == 0xff) {
            at++
            continue
        }
        val end = at + 2 + file.short(at + 2)
        if (marker == 0xda || end > file.size || end < at + 4) return null
        if (marker == 0xe1 && file.has(at + 4, "Exif\u0000\u0000")) {
            return file.copyOfRange(at + 4 + EXIF.size, end)
        }
        at = end
    }
    return null
}

private fun pngExif(file: ByteArray): ByteArray? {
    val buffer = ByteBuffer.wrap(file)
    var at = 8
    while (at + 12 <= file.size) {
        val length = buffer.getInt(at)
        if (length < 0 || length > file.size - at - 12) return null
        if (file.has(at + 4, "eXIf")) return block(file, at + 8, at + 8 + length)
        at += 12 + length
    }
    return null
}

private fun webpExif(file: ByteArray): ByteArray? {
    val buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN)
    var at = 12
    while (at + 8 <= file.size) {
        val length = buffer.getInt(at + 4)
        if (length < 0 || length > file.size - at - 8) return null
        if (file.has(at, "EXIF")) return block(file, at + 8, at + 8 + length)
        at += 8 + length + length % 2
    }
    return null
}

/** Some programs write the name of JPEG's segment before the block. */
private fun block(file: ByteArray, start: Int, end: Int): ByteArray {
    val named = end - start >= EXIF.size && file.has(start, "Exif\u0000\u0000")
    return file.copyOfRange(if (named) start + EXIF.size else start, end)
}

private fun ByteArray.short(at: Int): Int =
    (this[at].toInt() and 0xff shl 8) or (this[at + 1].toInt() and 0xff)

private fun ByteArray.has(at: Int, letters: String): Boolean =
    at + letters.length <= size && letters.indices.all { this[at + it] == letters[it].code.toByte() }
