package org.egnet.deblur.core

import kotlin.math.abs
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class RestorationTest {
    private class Cancelled : Exception()

    @Test
    fun `photos are restored exactly as by egnet_tf`() {
        for (name in listOf("tiles", "one", "flat", "dot")) {
            val photo = Golden.photo(name)
            val restored = MemoryPhoto(photo.height, photo.width)
            restorePhoto(photo, StandIn(), restored) { _, _ -> }
            val expected = Golden.restored(name).argb
            val largest = expected.indices.maxOf { i ->
                listOf(0, 8, 16).maxOf {
                    abs((expected[i] shr it and 0xff) - (restored.argb[i] shr it and 0xff))
                }
            }
            assertTrue(largest <= 1, "$name differs by $largest of 255")
            assertTrue(restored.argb.all { it ushr 24 == 255 })
        }
    }

    @Test
    fun `every tile is reported`() {
        val told = mutableListOf<Pair<Int, Int>>()
        // 40 x 53 pixels in tiles of 16 that share 4: 3 x 5 of them.
        val photo = Golden.photo("tiles")
        restorePhoto(photo, StandIn(), MemoryPhoto(40, 53)) { done, total -> told += done to total }
        assertEquals((0..15).map { it to 15 }, told)
    }

    @Test
    fun `an exception of the listener stops at once`() {
        var tiles = 0
        val network = object : StandIn() {
            override fun restore(image: FloatArray) = super.restore(image).also { tiles++ }
        }
        assertThrows(Cancelled::class.java) {
            restorePhoto(Golden.photo("tiles"), network, MemoryPhoto(40, 53)) { done, _ ->
                if (done == 2) throw Cancelled()
            }
        }
        assertEquals(2, tiles)
    }
}
