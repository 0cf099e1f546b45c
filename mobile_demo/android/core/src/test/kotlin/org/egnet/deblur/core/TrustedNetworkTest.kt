package org.egnet.deblur.core

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

class TrustedNetworkTest {
    private val safe = StandIn()
    private val image = FloatArray(Golden.TILE * Golden.TILE * 3) { it % 7 / 7f }

    @Test
    fun `a network that agrees is used`() {
        val fast = StandIn(error = 0.01f)
        val trusted = TrustedNetwork(safe) { fast }
        assertSame(fast, trusted.current)
        assertArrayEquals(fast.restore(image), trusted.restore(image))
    }

    @Test
    fun `a network that computes wrongly is not used`() {
        for (error in listOf(0.2f, Float.NaN, Float.POSITIVE_INFINITY)) {
            assertSame(safe, TrustedNetwork(safe) { StandIn(error) }.current)
        }
    }

    @Test
    fun `a network that does nothing or is wrong in one place is not used`() {
        val idle = object : StandIn() {
            override fun restore(image: FloatArray) = image.copyOf()
        }
        assertSame(safe, TrustedNetwork(safe) { idle }.current)
        val local = object : StandIn() {
            override fun restore(image: FloatArray) =
                super.restore(image).also { it[7] += 0.2f }
        }
        assertSame(safe, TrustedNetwork(safe) { local }.current)
    }

    @Test
    fun `a network that is abandoned is closed`() {
        val closed = mutableListOf<String>()
        class Closing(val name: String, error: Float) : StandIn(error) {
            override fun close() {
                closed += name
            }
        }
        val trusted = TrustedNetwork(Closing("safe", 0f)) { Closing("fast", 1f) }
        assertEquals(listOf("fast"), closed)
        trusted.close()
        assertEquals(listOf("fast", "safe"), closed)
    }

    @Test
    fun `a network that cannot be opened is not used`() {
        val trusted = TrustedNetwork(safe) { throw IllegalStateException("no GPU") }
        assertSame(safe, trusted.current)
    }

    @Test
    fun `a network that fails later is abandoned, and its tile is restored`() {
        var calls = 0
        val failing = object : StandIn() {
            override fun restore(image: FloatArray) =
                if (++calls == 2) throw IllegalStateException("lost") else super.restore(image)
        }
        val trusted = TrustedNetwork<StandIn>(safe) { failing }
        assertSame(failing, trusted.current)
        assertArrayEquals(safe.restore(image), trusted.restore(image))
        assertSame(safe, trusted.current)
    }

    @Test
    fun `a safe network without finite numbers is an error`() {
        val trusted = TrustedNetwork(StandIn(Float.NaN)) { throw IllegalStateException() }
        assertThrows(IllegalStateException::class.java) { trusted.restore(image) }
    }
}
