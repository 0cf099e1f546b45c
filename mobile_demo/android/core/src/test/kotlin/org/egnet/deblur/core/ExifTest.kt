package org.egnet.deblur.core

import java.nio.ByteBuffer
import kotlin.random.Random
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ExifTest {
    private val photo = Golden.bytes("exif_photo.jpg")
    private val encoded = Golden.bytes("exif_encoded.jpg")
    private val block = exifOf(photo)!!

    @Test
    fun `the saved file is the golden one, byte for byte`() {
        assertArrayEquals(Golden.bytes("exif_saved.jpg"), withExif(encoded, block, 24, 40))
    }

    @Test
    fun `EXIF of PNG and WebP files is found`() {
        val png = "\u0089PNG\r\n\u001a\n".letters() + chunk("IHDR", ByteArray(13)) + chunk("eXIf", block) + chunk("IEND", ByteArray(0))
        assertArrayEquals(block, exifOf(png))
        for (content in listOf(block, "Exif\u0000\u0000".letters() + block)) {
            val webp = riff("VP8 ", ByteArray(11)) + riff("EXIF", content)
            assertArrayEquals(block, exifOf("RIFF____WEBP".letters() + webp))
        }
    }

    @Test
    fun `a file without EXIF, or with a damaged one, is saved as it is`() {
        assertNull(exifOf(encoded))
        assertNull(exifOf(ByteArray(0)))
        assertNull(exifOf("\u00ff\u00d8\u00ff".letters()))
        assertSame(encoded, withExif(encoded, null, 1, 1))
        assertSame(encoded, withExif(encoded, "not EXIF".letters(), 1, 1))
        assertSame(encoded, withExif(encoded, ByteArray(0), 1, 1))
        // Longer than a segment of JPEG.
        assertSame(encoded, withExif(encoded, block + ByteArray(70_000), 1, 1))
    }

    @Test
    fun `no damaged file ends the app`() {
        val random = Random(3)
        repeat(20_000) {
            val damaged = photo.copyOf(if (it % 3 == 0) random.nextInt(photo.size) else photo.size)
            repeat(5) { if (damaged.isNotEmpty()) damaged[random.nextInt(minOf(damaged.size, 500))] = random.nextInt().toByte() }
            val saved = withExif(encoded, exifOf(damaged), 24, 40)
            assertTrue(saved.size >= encoded.size)
        }
    }

    private fun String.letters() = toByteArray(Charsets.ISO_8859_1)

    private fun chunk(kind: String, content: ByteArray) =
        ByteBuffer.allocate(4).putInt(content.size).array() + kind.letters() + content + ByteArray(4)

    private fun riff(kind: String, content: ByteArray): ByteArray {
        val length = ByteBuffer.allocate(4).putInt(Integer.reverseBytes(content.size)).array()
        return kind.letters() + length + content + ByteArray(content.size % 2)
    }
}
