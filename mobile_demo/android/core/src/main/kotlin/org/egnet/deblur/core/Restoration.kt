package org.egnet.deblur.core

import kotlin.math.max
import kotlin.math.min

/** A network that restores one tile. */
interface TileNetwork : AutoCloseable {
    /** Side of the tiles in pixels. */
    val tile: Int

    /** Restores RGB values, tile x tile x 3 in [0, 1]; the result is not clipped. */
    fun restore(image: FloatArray): FloatArray

    override fun close() = Unit
}

/** A photo that is read in rectangular windows. */
interface PhotoSource {
    val height: Int
    val width: Int

    /** Reads packed ARGB pixels in row-major order. */
    fun read(top: Int, left: Int, height: Int, width: Int): IntArray
}

/** The destination of the restored photo. */
fun interface PhotoSink {
    /** Writes opaque packed ARGB pixels in row-major order, `width` per row. */
    fun write(top: Int, left: Int, width: Int, argb: IntArray)
}

/**
 * Restores a photo tile by tile, exactly as `egnet_tf.Restorer` does, holding no more
 * than one row of tiles in memory.
 *
 * @param sink receives each tile at once, unblended, and the finished rows later.
 * @param onTile called with (done, total) before the first tile and after each one; an
 *   exception that it throws cancels the restoration.
 */
fun restorePhoto(
    photo: PhotoSource,
    network: TileNetwork,
    sink: PhotoSink,
    onTile: (done: Int, total: Int) -> Unit,
) {
    val tile = network.tile
    val (height, width) = photo.height to photo.width
    // Overlap as in egnet_tf.Restorer: a quarter of the tile, at most 64 pixels.
    val grid = TileGrid(max(height, tile), max(width, tile), tile, min(64, tile / 4))
    val insideHeight = min(tile, height)
    val insideWidth = min(tile, width)
    val image = FloatArray(tile * tile * 3)
    var done = 0
    onTile(0, grid.tiles)
    grid.blendedStrips(
        restoredTile = { top, left ->
            val argb = photo.read(top, left, insideHeight, insideWidth)
            packTile(argb, insideHeight, insideWidth, tile, image)
            val restored = network.restore(image)
            sink.write(top, left, insideWidth, unpackRows(restored, insideHeight, insideWidth, tile))
            onTile(++done, grid.tiles)
            restored
        },
        onStrip = { top, rows, strip ->
            val inside = min(rows, height - top)
            sink.write(top, 0, width, unpackRows(strip, inside, width, grid.width))
        },
    )
}
