package org.egnet.deblur.core

import kotlin.math.PI
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sin

// Overlapping tiles under a smooth window: egnet_tf/inference/tiling.py, line by line.
// Positions, window and the order of the sums are those of that file's docstring, in
// float32 where it is float32. The golden files of mobile_demo/golden hold both to each
// other.

/** Start of each tile along one axis, in pixels, ascending. */
fun tilePositions(length: Int, tile: Int, overlap: Int): List<Int> {
    require(overlap in 0..tile / 2 && tile <= length) {
        "Expected 0 <= overlap <= tile / 2 and tile <= length. " +
            "Received: overlap=$overlap, tile=$tile, length=$length"
    }
    return (0 until length - tile step tile - overlap) + (length - tile)
}

/** Each tile's weights along one axis; they add up to 1 at every pixel. */
fun tileWeights(length: Int, tile: Int, overlap: Int): List<FloatArray> {
    val positions = tilePositions(length, tile, overlap)
    val ramp = DoubleArray(tile) {
        val sine = sin(PI / 2 * min((it + 0.5) / max(overlap.toDouble(), 0.5), 1.0))
        sine * sine
    }
    val window = DoubleArray(tile) { ramp[it] * ramp[tile - 1 - it] }
    val total = DoubleArray(length)
    for (position in positions) {
        for (i in 0 until tile) total[position + i] += window[i]
    }
    return positions.map { position ->
        FloatArray(tile) { (window[it] / total[position + it]).toFloat() }
    }
}

/** The tiles of an image that is at least one tile large on both axes. */
class TileGrid(val height: Int, val width: Int, val tile: Int, overlap: Int) {
    private val tops = tilePositions(height, tile, overlap)
    private val lefts = tilePositions(width, tile, overlap)
    private val rowWeights = tileWeights(height, tile, overlap)
    private val columnWeights = tileWeights(width, tile, overlap)

    val tiles: Int get() = tops.size * lefts.size

    /**
     * Restores the image tile by tile and yields its finished rows from the top down.
     *
     * Only one row of tiles is held.
     *
     * @param restoredTile (top, left) -> RGB, tile x tile x 3, rows first.
     * @param onStrip (top, rows, strip): RGB of the rows from `top` on, each `width` long.
     *   The strip is reused: copy what is needed before returning.
     */
    inline fun blendedStrips(
        restoredTile: (top: Int, left: Int) -> FloatArray,
        onStrip: (top: Int, rows: Int, strip: FloatArray) -> Unit,
    ) {
        val strip = FloatArray(tile * width * 3)
        for (row in 0 until rows) {
            for (column in 0 until columns) {
                add(strip, restoredTile(top(row), left(column)), row, column)
            }
            val finished = (if (row + 1 < rows) top(row + 1) else height) - top(row)
            onStrip(top(row), finished, strip)
            strip.copyInto(strip, 0, finished * width * 3)
            strip.fill(0f, (tile - finished) * width * 3)
        }
    }

    @PublishedApi
    internal val rows: Int get() = tops.size

    @PublishedApi
    internal val columns: Int get() = lefts.size

    @PublishedApi
    internal fun top(row: Int): Int = tops[row]

    @PublishedApi
    internal fun left(column: Int): Int = lefts[column]

    @PublishedApi
    internal fun add(strip: FloatArray, restored: FloatArray, row: Int, column: Int) {
        val ofColumns = columnWeights[column]
        var from = 0
        for (y in 0 until tile) {
            val ofRow = rowWeights[row][y]
            var to = (y * width + lefts[column]) * 3
            for (x in 0 until tile) {
                val weight = ofRow * ofColumns[x]
                // Clipped before they are blended, as egnet_tf clips each tile.
                strip[to++] += weight * restored[from++].coerceIn(0f, 1f)
                strip[to++] += weight * restored[from++].coerceIn(0f, 1f)
                strip[to++] += weight * restored[from++].coerceIn(0f, 1f)
            }
        }
    }
}
