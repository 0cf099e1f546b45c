package org.egnet.deblur.core

import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/** An area of a photo in whole pixels. */
data class Area(val left: Int, val top: Int, val width: Int, val height: Int)

/**
 * The part of the photo that a view shows.
 *
 * @property scale view pixels per photo pixel.
 * @property left x of the photo's top left corner in the view.
 * @property top y of the photo's top left corner in the view.
 */
class Camera private constructor(
    private val photoWidth: Int,
    private val photoHeight: Int,
    private val viewWidth: Float,
    private val viewHeight: Float,
    val scale: Float,
    val left: Float,
    val top: Float,
) {
    /** Width of the whole photo in the view. */
    val width: Float get() = photoWidth * scale

    /** Height of the whole photo in the view. */
    val height: Float get() = photoHeight * scale

    val isWhole: Boolean get() = scale <= wholeScale * 1.001f

    /** The area of the photo that can be seen. */
    val seen: Area
        get() {
            val x = max(0, floor(-left / scale).toInt())
            val y = max(0, floor(-top / scale).toInt())
            val right = min(photoWidth, ceil((viewWidth - left) / scale).toInt())
            val bottom = min(photoHeight, ceil((viewHeight - top) / scale).toInt())
            return Area(x, y, max(1, right - x), max(1, bottom - y))
        }

    /** Zooms by a factor around (x, y) of the view, which stays fixed. */
    fun zoomed(factor: Float, x: Float, y: Float): Camera {
        val new = (scale * factor).coerceIn(wholeScale, max(MOST_SCALE, wholeScale))
        return at(new, x - (x - left) * new / scale, y - (y - top) * new / scale)
    }

    fun moved(dx: Float, dy: Float): Camera = at(scale, left + dx, top + dy)

    private val wholeScale: Float get() = min(viewWidth / photoWidth, viewHeight / photoHeight)

    /** Leaves no gap at an edge that the photo could fill; centres it where it cannot. */
    private fun at(scale: Float, left: Float, top: Float): Camera {
        fun along(offset: Float, photo: Float, view: Float) =
            if (photo <= view) (view - photo) / 2 else offset.coerceIn(view - photo, 0f)
        return Camera(
            photoWidth, photoHeight, viewWidth, viewHeight, scale,
            along(left, photoWidth * scale, viewWidth),
            along(top, photoHeight * scale, viewHeight),
        )
    }

    companion object {
        /** Maximum zoom, in view pixels per photo pixel. */
        const val MOST_SCALE = 8f

        /** The whole photo, centred. */
        fun whole(photoWidth: Int, photoHeight: Int, viewWidth: Float, viewHeight: Float): Camera {
            val camera = Camera(photoWidth, photoHeight, viewWidth, viewHeight, 1f, 0f, 0f)
            return camera.at(camera.wholeScale, 0f, 0f)
        }
    }
}
