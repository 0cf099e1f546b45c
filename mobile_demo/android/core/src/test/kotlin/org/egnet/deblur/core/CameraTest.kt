package org.egnet.deblur.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class CameraTest {
    private val whole = Camera.whole(4000, 2000, 400f, 300f)

    @Test
    fun `a photo is first shown whole and centred`() {
        assertEquals(listOf(0f, 50f, 400f, 200f), listOf(whole.left, whole.top, whole.width, whole.height))
        assertEquals(Area(0, 0, 4000, 2000), whole.seen)
    }

    @Test
    fun `what is under the finger stays there while it is zoomed`() {
        val before = whole.zoomed(8f, 200f, 150f)
        val after = before.zoomed(1.7f, 250f, 120f)
        fun at(camera: Camera) = (250 - camera.left) / camera.scale to (120 - camera.top) / camera.scale
        assertEquals(at(before).first, at(after).first, 0.01f)
        assertEquals(at(before).second, at(after).second, 0.01f)
    }

    @Test
    fun `a large photo cannot be moved off the view`() {
        val moved = whole.zoomed(10f, 200f, 150f).moved(1e6f, -1e6f)
        assertEquals(0f, moved.left)
        assertEquals(300f, moved.top + moved.height, 0.01f)
        assertEquals(Area(0, 1700, 400, 300), moved.seen)
    }

    @Test
    fun `it zooms neither below the whole nor above eight times`() {
        assertTrue(whole.zoomed(1e-6f, 0f, 0f).isWhole)
        assertEquals(Camera.MOST_SCALE, whole.zoomed(1e6f, 0f, 0f).scale)
    }
}
