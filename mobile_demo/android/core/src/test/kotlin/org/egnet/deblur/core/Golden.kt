package org.egnet.deblur.core

import java.io.File

/** What egnet_tf's tiler wrote: see mobile_demo/golden/write_golden.py. */
object Golden {
    const val TILE = 16

    private val folder = File(
        checkNotNull(System.getProperty("golden")) { "Expected -Dgolden=mobile_demo/golden" },
    )

    /** A tile of an axis: where it starts and its weights. */
    class Tile(val start: Int, val weights: List<Float>)

    /** The tiles of each axis of (length, tile, overlap). */
    fun axes(): Map<Triple<Int, Int, Int>, List<Tile>> =
        File(folder, "axes.txt").readLines().drop(1).groupBy(
            { line ->
                val (length, tile, overlap) = line.substringBefore('|').trim().split(' ').map(String::toInt)
                Triple(length, tile, overlap)
            },
            { line ->
                val (_, start, weights) = line.split('|').map(String::trim)
                Tile(start.toInt(), weights.split(' ').map(String::toFloat))
            },
        )

    fun photo(name: String) = readPpm(File(folder, "${name}_photo.ppm"))

    fun restored(name: String) = readPpm(File(folder, "${name}_restored.ppm"))

    fun read(name: String) = readPpm(File(folder, name))

    fun bytes(name: String): ByteArray = File(folder, name).readBytes()

    private fun readPpm(file: File): MemoryPhoto {
        val bytes = file.readBytes()
        val header = Regex("""P6\s+(\d+)\s+(\d+)\s+255\s""").matchAt(String(bytes, 0, minOf(40, bytes.size), Charsets.ISO_8859_1), 0)!!
        val (width, height) = header.destructured.toList().map(String::toInt)
        val first = header.value.length
        fun byte(i: Int) = bytes[first + i].toInt() and 0xff
        val argb = IntArray(width * height) {
            (0xff shl 24) or (byte(3 * it) shl 16) or (byte(3 * it + 1) shl 8) or byte(3 * it + 2)
        }
        return MemoryPhoto(height, width, argb)
    }
}

/** A photo that is read from memory and written to it. */
class MemoryPhoto(
    override val height: Int,
    override val width: Int,
    val argb: IntArray = IntArray(height * width),
) : PhotoSource, PhotoSink {
    override fun read(top: Int, left: Int, height: Int, width: Int) =
        IntArray(height * width) { argb[(top + it / width) * this.width + left + it % width] }

    override fun write(top: Int, left: Int, width: Int, argb: IntArray) {
        argb.forEachIndexed { i, pixel ->
            this.argb[(top + i / width) * this.width + left + i % width] = pixel
        }
    }
}

/** The network of write_golden.py; `error` is added to what it gives. */
open class StandIn(private val error: Float = 0f) : TileNetwork {
    override val tile = Golden.TILE

    override fun restore(image: FloatArray) = FloatArray(image.size) {
        val (y, x, c) = Triple(it / 3 / tile, it / 3 % tile, it % 3)
        1.25f * image[it] + ((7 * y + 3 * x + 5 * c) % tile / 30.0 - 0.25).toFloat() + error
    }
}
