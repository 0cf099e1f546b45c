package org.egnet.deblur.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class TilingTest {
    @Test
    fun `positions and weights are those of egnet_tf`() {
        val axes = Golden.axes()
        assertTrue(axes.size >= 6)
        for ((axis, tiles) in axes) {
            val (length, tile, overlap) = axis
            assertEquals(tiles.map { it.start }, tilePositions(length, tile, overlap), "$axis")
            val weights = tileWeights(length, tile, overlap)
            for ((expected, received) in tiles.zip(weights)) {
                assertEquals(expected.weights.size, received.size)
                expected.weights.zip(received.toList()).forEach { (one, other) ->
                    assertEquals(one, other, 1e-7f, "$axis")
                }
            }
        }
    }

    @Test
    fun `impossible grids are refused`() {
        for ((tile, overlap) in listOf(64 to 33, 64 to -1, 101 to 0)) {
            val error = assertThrows(IllegalArgumentException::class.java) {
                tilePositions(100, tile, overlap)
            }
            assertTrue(error.message!!.endsWith("Received: overlap=$overlap, tile=$tile, length=100"))
        }
    }
}
