package org.egnet.deblur.core

import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

// Converts between a bitmap's pixels (packed ARGB) and the network's values (RGB in
// [0, 1]).

/**
 * Packs an image into the network's tile, padded at the right and the bottom by
 * reflection (`1234 -> 1234 321`), repeatedly if the image is smaller than the padding.
 *
 * @param argb height x width packed pixels; transparent parts are blended with white.
 * @param packed receives tile x tile x 3 values in [0, 1].
 */
fun packTile(argb: IntArray, height: Int, width: Int, tile: Int, packed: FloatArray) {
    val rows = reflectedIndices(height, tile)
    val columns = reflectedIndices(width, tile)
    var to = 0
    for (y in 0 until tile) {
        val row = rows[y] * width
        for (x in 0 until tile) {
            val pixel = argb[row + columns[x]]
            val alpha = pixel ushr 24
            packed[to++] = onWhite(pixel shr 16 and 0xff, alpha) / 255f
            packed[to++] = onWhite(pixel shr 8 and 0xff, alpha) / 255f
            packed[to++] = onWhite(pixel and 0xff, alpha) / 255f
        }
    }
}

/** For each pixel of a padded axis, the index of the image pixel that it repeats. */
fun reflectedIndices(length: Int, padded: Int): IntArray {
    val period = max(2 * (length - 1), 1)
    return IntArray(padded) {
        val phase = it % period
        if (length == 1) 0 else min(phase, period - phase)
    }
}

/**
 * Unpacks rows of the network's values into opaque pixels, clipped and rounded (half to
 * even).
 *
 * @param rgb rows x stride x 3; the first `width` pixels of each row are used.
 */
fun unpackRows(rgb: FloatArray, rows: Int, width: Int, stride: Int): IntArray {
    val argb = IntArray(rows * width)
    var to = 0
    for (y in 0 until rows) {
        var from = y * stride * 3
        repeat(width) {
            val red = toByte(rgb[from++])
            val green = toByte(rgb[from++])
            val blue = toByte(rgb[from++])
            argb[to++] = (0xff shl 24) or (red shl 16) or (green shl 8) or blue
        }
    }
    return argb
}

/**
 * Blends restored pixels with those that they were made of, in place, by the formula of
 * egnet_tf/inference/strength.py: 0 gives the original's colours, 1 leaves the restored
 * ones.
 *
 * @param before, restored packed ARGB pixels of the same image; the result is opaque.
 */
fun blend(before: IntArray, restored: IntArray, strength: Double) {
    for (i in restored.indices) {
        var pixel = 0xff shl 24
        for (shift in intArrayOf(16, 8, 0)) {
            val from = onWhite(before[i] shr shift and 0xff, before[i] ushr 24)
            val to = restored[i] shr shift and 0xff
            pixel = pixel or (floor(from * (1 - strength) + to * strength + 0.5).toInt() shl shift)
        }
        restored[i] = pixel
    }
}

private fun onWhite(value: Int, alpha: Int): Int =
    if (alpha == 255) value else (value * alpha + 255 * (255 - alpha) + 127) / 255

private fun toByte(value: Float): Int =
    Math.rint((value.coerceIn(0f, 1f) * 255f).toDouble()).toInt()
