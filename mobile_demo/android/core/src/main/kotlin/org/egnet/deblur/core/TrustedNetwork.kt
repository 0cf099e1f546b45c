package org.egnet.deblur.core

import kotlin.math.abs
import kotlin.math.max
import kotlin.math.sqrt

/**
 * Uses a fast network as long as it can be trusted, and a safe one otherwise.
 *
 * The fast one (a GPU) is tried on a probe first: drivers differ, and some compute
 * wrongly without an error. One that is off by more than [LARGEST_ERROR] or
 * [LARGEST_DIFFERENCE], gives numbers that are not finite, or throws, is not used again.
 * `egnet_tf/inference/runners/accelerated.py` has the same probe and the same limits.
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
        val allowed = max(LARGEST_ERROR * rms(expected, probe), SMALLEST_ERROR)
        // Not `>`: a NaN must not pass.
        return rms(received, expected) <= allowed && difference <= LARGEST_DIFFERENCE
    }

    companion object {
        /**
         * Of the root mean square of the difference, in that by which the safe network changes
         * the probe: int8 files reach 0.08 on a GPU, half precision 0.01.
         */
        const val LARGEST_ERROR = 0.25f

        /** What is always allowed, for a network that changes the probe by next to nothing. */
        const val SMALLEST_ERROR = 2f / 255f

        /** Of a single value in [0, 1]; int8 files reach 0.03. */
        const val LARGEST_DIFFERENCE = 0.1f
    }
}

/** The root mean square of a difference. */
private fun rms(one: FloatArray, other: FloatArray): Float {
    var sum = 0.0
    for (i in one.indices) sum += (one[i] - other[i]).toDouble() * (one[i] - other[i])
    return sqrt(sum / one.size).toFloat()
}

private fun isFinite(values: FloatArray): Boolean = values.all { it.isFinite() }

/**
 * A test image that gives a network work: stripes under horizontal motion blur.
 *
 * A network that deblurs leaves sharp edges as they are, and so would a GPU that computes
 * nothing. A square wave of 32 pixels, averaged over 11.
 */
internal fun probe(tile: Int): FloatArray = FloatArray(tile * tile * 3) {
    val place = (it / 3 % tile + 5 * (it % 3) + 7 * (it / 3 / tile / 8)) % 32
    0.1f + 0.8f * (0.5f + (abs(place - 16) - 8) / 11f).coerceIn(0f, 1f)
}
