package org.egnet.deblur.core

enum class PhotoState { WAITING, WORKING, RESTORED, STOPPED, FAILED }

/**
 * A photo of the queue.
 *
 * @property source what it is opened by, such as a URI.
 * @property strength 0 shows the original, 1 what the network gave.
 * @property saved whether it was saved as it is shown.
 */
data class QueuedPhoto<out S>(
    val id: Int,
    val source: S,
    val state: PhotoState = PhotoState.WAITING,
    val strength: Float = 1f,
    val saved: Boolean = false,
)

/**
 * The photos in the order in which they are restored, and the one on the screen. Each
 * change gives a new queue.
 */
data class PhotoQueue<S>(
    val photos: List<QueuedPhoto<S>> = emptyList(),
    val shownId: Int? = null,
    private val lastId: Int = 0,
) {
    val shown: QueuedPhoto<S>? get() = photos.find { it.id == shownId }

    /** The photo to restore now: none while another is being restored. */
    val next: QueuedPhoto<S>?
        get() = photos.find { it.state == PhotoState.WAITING }
            .takeIf { photos.none { photo -> photo.state == PhotoState.WORKING } }

    /** Whether closing the app loses a restored photo. */
    val hasUnsaved: Boolean get() = photos.any { it.state == PhotoState.RESTORED && !it.saved }

    /** Appends photos and shows the first of them; without any, nothing changes. */
    fun added(sources: List<S>): PhotoQueue<S> {
        if (sources.isEmpty()) return this
        val new = sources.mapIndexed { i, source -> QueuedPhoto(lastId + 1 + i, source) }
        return copy(photos = photos + new, shownId = new.first().id, lastId = lastId + new.size)
    }

    /** Without any photo; later ones get numbers that none had. */
    fun emptied(): PhotoQueue<S> = PhotoQueue(lastId = lastId)

    fun showing(id: Int): PhotoQueue<S> =
        if (photos.any { it.id == id }) copy(shownId = id) else this

    fun withState(id: Int, state: PhotoState): PhotoQueue<S> = changed(id) { it.copy(state = state) }

    /** What is saved at one strength is not saved at another. */
    fun withStrength(id: Int, strength: Float): PhotoQueue<S> = changed(id) {
        it.copy(strength = strength.coerceIn(0f, 1f), saved = it.saved && it.strength == strength)
    }

    /** @param strength that of the file, which may have been changed since. */
    fun savedAt(id: Int, strength: Float): PhotoQueue<S> =
        changed(id) { it.copy(saved = it.strength == strength) }

    private fun changed(id: Int, change: (QueuedPhoto<S>) -> QueuedPhoto<S>) =
        copy(photos = photos.map { if (it.id == id) change(it) else it })
}
