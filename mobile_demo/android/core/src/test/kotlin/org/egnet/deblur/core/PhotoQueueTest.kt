package org.egnet.deblur.core

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class PhotoQueueTest {
    private val queue = PhotoQueue<String>().added(listOf("a", "b", "c"))

    @Test
    fun `photos are restored one after the other`() {
        var now = queue
        val order = mutableListOf<String>()
        while (true) {
            val next = now.next ?: break
            order += next.source
            now = now.withState(next.id, PhotoState.WORKING)
            assertNull(now.next)
            now = now.withState(next.id, if (next.source == "b") PhotoState.FAILED else PhotoState.RESTORED)
        }
        assertEquals(listOf("a", "b", "c"), order)
        assertEquals("b", now.withState(2, PhotoState.WAITING).next?.source)
    }

    @Test
    fun `the first of new photos is shown, and none is lost`() {
        assertEquals("a", queue.shown?.source)
        val more = queue.added(listOf("d"))
        assertEquals("d", more.shown?.source)
        assertEquals(listOf(1, 2, 3, 4), more.photos.map { it.id })
        assertSame(queue, queue.added(emptyList()))
        assertEquals("b", more.showing(2).shown?.source)
        assertSame(more, more.showing(9))
        assertNull(PhotoQueue<String>().shown)
        assertEquals(listOf(4), queue.emptied().added(listOf("e")).photos.map { it.id })
    }

    @Test
    fun `what is saved at one strength is not saved at another`() {
        val restored = queue.withState(1, PhotoState.RESTORED)
        assertFalse(queue.hasUnsaved)
        assertTrue(restored.hasUnsaved)
        val saved = restored.savedAt(1, 1f)
        assertFalse(saved.hasUnsaved)
        assertFalse(saved.withStrength(1, 1f).hasUnsaved)
        assertTrue(saved.withStrength(1, 0.5f).hasUnsaved)
        // Changed while the file was written.
        assertTrue(restored.withStrength(1, 0.5f).savedAt(1, 1f).hasUnsaved)
        assertEquals(1f, queue.withStrength(1, 7f).photos[0].strength)
    }
}
