package org.egnet.deblur.core

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class PixelsTest {
    @Test
    fun `small images are reflected repeatedly`() {
        assertArrayEquals(intArrayOf(0, 1, 2, 3, 2, 1, 0, 1, 2), reflectedIndices(4, 9))
        assertArrayEquals(intArrayOf(0, 0, 0), reflectedIndices(1, 3))
        assertArrayEquals(intArrayOf(0, 1, 0, 1), reflectedIndices(2, 4))
    }

    @Test
    fun `every byte survives packing and unpacking`() {
        val argb = IntArray(256) { (0xff shl 24) or (it shl 16) or (255 - it shl 8) or (it * 7 and 0xff) }
        val packed = FloatArray(16 * 16 * 3)
        packTile(argb, 16, 16, 16, packed)
        assertArrayEquals(argb, unpackRows(packed, 16, 16, 16))
    }

    @Test
    fun `transparent pixels become white`() {
        val packed = FloatArray(3)
        packTile(intArrayOf(0x00123456), 1, 1, 1, packed)
        assertArrayEquals(floatArrayOf(1f, 1f, 1f), packed)
        packTile(intArrayOf(0x80000000.toInt()), 1, 1, 1, packed)
        assertEquals(127 / 255f, packed[0])
    }

    @Test
    fun `values are clipped and rounded half to even`() {
        val rgb = floatArrayOf(-0.1f, 1.1f, 0.5f, 2.5f / 255f, 3.5f / 255f, 1f)
        // 0.5 x 255 = 127.5.
        val expected = intArrayOf(0xff00ff80.toInt(), 0xff0204ff.toInt())
        assertArrayEquals(expected, unpackRows(rgb, 1, 2, 2))
    }

    @Test
    fun `padding is cropped`() {
        val rgb = FloatArray(2 * 3 * 3) { (it / 3) / 255f }
        val pixels = unpackRows(rgb, 2, 1, 3).map { it and 0xff }
        assertEquals(listOf(0, 3), pixels)
    }

    @Test
    fun `a blend is that of egnet_tf, to the bit`() {
        val blended = Golden.restored("tiles").argb
        blend(Golden.photo("tiles").argb, blended, 0.35)
        assertArrayEquals(Golden.read("tiles_blended.ppm").argb, blended)
    }

    @Test
    fun `a blend is exact at both ends`() {
        val before = Golden.photo("tiles").argb
        val restored = Golden.restored("tiles").argb
        for ((strength, expected) in listOf(0.0 to before, 1.0 to restored)) {
            val blended = restored.copyOf()
            blend(before, blended, strength)
            assertArrayEquals(expected, blended)
        }
    }
}
