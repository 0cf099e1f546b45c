package org.egnet.deblur.core

import kotlin.math.abs
import kotlin.math.max

/**
 * Uses a fast network as long as it can be trusted, and a safe one otherwise.
 *
 * The fast one (a GPU) is tried on a probe first: drivers differ, and some compute
 * wrongly without an error. One that is off by more than [LARGEST_DIFFERENCE], gives
 * numbers that are not finite, or throws, is not used again.
 *
 * @param openFast opens the fast network; may throw where there is none.
 */
class TrustedNetwork<N : TileNetwork>(private val safe: N, openFast: () -> N) : TileNetwork {
    private var fast: N? = try {
        openFast()
    } catch (_: Exception) {
        null
    }

    init {
        val agrees = try {
            fast?.let(::agrees) ?: false
        } catch (_: Exception) {
            false
        }
        if (!agrees) leaveFast()
    }

    override val tile: Int get() = safe.tile

    /** The network that restores the next tile. */
    val current: N get() = fast ?: safe

    override fun restore(image: FloatArray): FloatArray {
        try {
            fast?.restore(image)?.let { if (isFinite(it)) return it }
        } catch (_: Exception) {
            // Graphics memory runs out and drivers restart: the safe network takes over.
        }
        leaveFast()
        val restored = safe.restore(image)
        check(isFinite(restored)) {
            "Expected finite numbers from the network. Received: NaN or infinity"
        }
        return restored
    }

    override fun close() {
        leaveFast()
        safe.close()
    }

    private fun leaveFast() {
        fast?.close()
        fast = null
    }

    private fun agrees(candidate: N): Boolean {
        if (candidate.tile != safe.tile) return false
        val probe = probe(safe.tile)
        val received = candidate.restore(probe)
        val expected = safe.restore(probe)
        var difference = 0f
        for (i in expected.indices) difference = max(difference, abs(expected[i] - received[i]))
        // Not `>`: a NaN must not pass.
        return difference <= LARGEST_DIFFERENCE
    }

    companion object {
        /** In [0, 1]; half precision stays far below. */
        const val LARGEST_DIFFERENCE = 0.02f
    }
}

private fun isFinite(values: FloatArray): Boolean = values.all { it.isFinite() }

/** A test image with edges, ramps and flat areas that differ between channels. */
private fun probe(tile: Int): FloatArray = FloatArray(tile * tile * 3) {
    val x = it / 3 % tile
    val y = it / 3 / tile
    val channel = it % 3
    when (((x shr 4) + (y shr 4) + channel) % 3) {
        0 -> x.toFloat() / tile
        1 -> y.toFloat() / tile
        else -> 0.25f * (1 + channel)
    }
}
