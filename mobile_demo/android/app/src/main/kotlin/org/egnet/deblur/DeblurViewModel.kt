package org.egnet.deblur

import android.app.Application
import android.net.Uri
import android.os.SystemClock
import androidx.annotation.StringRes
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.viewModelScope
import com.google.ai.edge.litert.Accelerator
import java.io.File
import java.io.IOException
import kotlin.coroutines.cancellation.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.egnet.deblur.core.Area
import org.egnet.deblur.core.PhotoQueue
import org.egnet.deblur.core.PhotoState
import org.egnet.deblur.core.QueuedPhoto
import org.egnet.deblur.core.TrustedNetwork
import org.egnet.deblur.core.restorePhoto

enum class Stage { START, OPENING, WAITING, WORKING, STOPPED, RESTORED }

/** What the screen shows. */
data class UiState(
    val queue: PhotoQueue<Uri> = PhotoQueue(),
    /** The pixels of the photo on the screen; null while it is opened. */
    val photo: Photo? = null,
    /** Restored tiles of the photo that is being restored, and all of them. */
    val done: Int = 0,
    val total: Int = 0,
    val secondsLeft: Int? = null,
    /** How long the restoration of each photo took. */
    val seconds: Map<Int, Int> = emptyMap(),
    val accelerator: Accelerator? = null,
    /** Whether the person is asked if photos may be thrown away. */
    val asking: Boolean = false,
    @param:StringRes val problem: Int? = null,
) {
    val stage: Stage
        get() = when {
            queue.shown == null -> Stage.START
            queue.shown?.state in listOf(PhotoState.FAILED, PhotoState.STOPPED) -> Stage.STOPPED
            photo == null -> Stage.OPENING
            queue.shown?.state == PhotoState.WAITING -> Stage.WAITING
            queue.shown?.state == PhotoState.WORKING -> Stage.WORKING
            else -> Stage.RESTORED
        }
}

class DeblurViewModel(application: Application) : AndroidViewModel(application) {
    private val mutableState = MutableStateFlow(UiState())
    val state: StateFlow<UiState> = mutableState.asStateFlow()

    /** A single thread, because LiteRT's buffers are not thread-safe. */
    private val oneThread = Dispatchers.IO.limitedParallelism(1)
    private var network: TrustedNetwork<LiteRtNetwork>? = null
    /** Restores the photos of the queue one after the other. */
    private var worker: Job? = null
    /** The restoration in progress, and the pixels that it writes. */
    private var restoring: Job? = null
    private var working: Pair<Int, Photo>? = null
    private var opening: Job? = null

    init {
        // Of a process that was ended.
        keptFiles().forEach { it.delete() }
    }

    /** Adds photos to the queue and shows the first of them. */
    fun add(uris: List<Uri>) {
        if (uris.isEmpty()) return
        mutableState.update { it.copy(queue = it.queue.added(uris), photo = null, problem = null) }
        openShown()
        work()
    }

    /** Says that what another app has shared cannot be opened. */
    fun refuseShared() = mutableState.update { it.copy(problem = R.string.problem_photo) }

    fun show(id: Int) {
        if (state.value.queue.shownId == id) return
        mutableState.update { it.copy(queue = it.queue.showing(id), photo = null) }
        openShown()
    }

    /** Restores the photo on the screen again after it was stopped. */
    fun restoreAgain() {
        val id = state.value.queue.shownId ?: return
        setState(id, PhotoState.WAITING)
        if (state.value.photo == null) openShown()
        work()
    }

    /** Stops the photo on the screen; the next one begins. */
    fun cancel() {
        if (state.value.queue.shown?.state == PhotoState.WORKING) restoring?.cancel()
    }

    fun setStrength(strength: Float) = mutableState.update {
        it.copy(queue = it.queue.withStrength(it.queue.shownId ?: return@update it, strength))
    }

    /** Leaves all photos; asks first if a restored one is not saved. */
    fun close(sure: Boolean = false) {
        if (state.value.queue.hasUnsaved && !sure) {
            mutableState.update { it.copy(asking = true) }
            return
        }
        worker?.cancel()
        opening?.cancel()
        working = null
        keptFiles().forEach { it.delete() }
        mutableState.update { UiState(it.queue.emptied(), accelerator = it.accelerator) }
    }

    fun stay() = mutableState.update { it.copy(asking = false) }

    fun save(uri: Uri) {
        val photo = state.value.photo ?: return
        val (id, _, _, strength) = state.value.queue.shown ?: return
        viewModelScope.launch {
            try {
                val resolver = getApplication<Application>().contentResolver
                withContext(Dispatchers.IO) { photo.save(resolver, uri, strength) }
                mutableState.update { it.copy(queue = it.queue.savedAt(id, strength)) }
            } catch (_: IOException) {
                mutableState.update { it.copy(problem = R.string.problem_saving) }
            } catch (_: OutOfMemoryError) {
                mutableState.update { it.copy(problem = R.string.problem_memory) }
            }
        }
    }

    fun dismissProblem() = mutableState.update { it.copy(problem = null) }

    /** The visible area of a large photo, at a higher resolution than its preview. */
    suspend fun detail(photo: Photo, area: Area, scale: Float) =
        withContext(Dispatchers.Default) { photo.detail(area, scale) }

    /** Opens the photo on the screen, unless it is open because it is being restored. */
    private fun openShown() {
        opening?.cancel()
        opening = viewModelScope.launch {
            val shown = state.value.queue.shown ?: return@launch
            tried(shown.id) {
                val kept = keptFile(shown.id).takeIf { shown.state == PhotoState.RESTORED }
                val photo = working?.takeIf { it.first == shown.id }?.second ?: openPhoto(shown, kept)
                showPixels(shown.id, photo)
            }
        }
    }

    /** The one that is being restored wins: its pixels change. */
    private fun showPixels(id: Int, photo: Photo) = mutableState.update {
        val best = working?.takeIf { (workingId, _) -> workingId == id }?.second ?: photo
        if (it.queue.shownId == id) it.copy(photo = best) else it
    }

    private suspend fun openPhoto(photo: QueuedPhoto<Uri>, kept: File?) =
        withContext(Dispatchers.IO) { Photo.open(getApplication(), photo.source, kept) }

    private fun work() {
        if (worker?.isActive == true) return
        worker = viewModelScope.launch {
            while (true) {
                val next = state.value.queue.next ?: break
                setState(next.id, PhotoState.WORKING)
                restoring = launch { tried(next.id) { restore(next) } }
                restoring?.join()
                working = null
            }
        }
    }

    private suspend fun restore(next: QueuedPhoto<Uri>) {
        mutableState.update { it.copy(done = 0, total = 0, secondsLeft = null) }
        val photo = openPhoto(next, kept = null)
        working = next.id to photo
        showPixels(next.id, photo)
        val started = SystemClock.elapsedRealtime()
        fun seconds() = (SystemClock.elapsedRealtime() - started) / 1000f
        withContext(oneThread) {
            photo.startOver()
            val network = network ?: openNetwork().also { network = it }
            val tilesStarted = seconds()
            restorePhoto(photo, network, photo) { done, total ->
                ensureActive()
                val left = if (done == 0) null else (seconds() - tilesStarted) / done * (total - done)
                mutableState.update {
                    it.copy(
                        done = done,
                        total = total,
                        secondsLeft = left?.toInt(),
                        accelerator = network.current.accelerator,
                    )
                }
            }
            photo.keep(keptFile(next.id))
        }
        mutableState.update { it.copy(seconds = it.seconds + (next.id to seconds().toInt())) }
        setState(next.id, PhotoState.RESTORED)
    }

    /** Runs what concerns a photo; says what went wrong and leaves the others alone. */
    private suspend fun tried(id: Int, work: suspend () -> Unit) {
        try {
            work()
        } catch (cancelled: CancellationException) {
            if (state.value.queue.photos.any { it.id == id && it.state == PhotoState.WORKING }) {
                setState(id, PhotoState.STOPPED)
            }
            throw cancelled
        } catch (_: TooLargeException) {
            fail(id, R.string.problem_large)
        } catch (_: IOException) {
            fail(id, R.string.problem_photo)
        } catch (_: SecurityException) {
            // The app that shared the photo has revoked the permission.
            fail(id, R.string.problem_photo)
        } catch (_: OutOfMemoryError) {
            fail(id, R.string.problem_memory)
        } catch (_: Exception) {
            // LiteRT's own exceptions.
            fail(id, R.string.problem_network)
        }
    }

    private fun setState(id: Int, photoState: PhotoState) =
        mutableState.update { it.copy(queue = it.queue.withState(id, photoState)) }

    private fun keptFile(id: Int) = File(getApplication<Application>().cacheDir, "$KEPT$id.png")

    private fun keptFiles(): List<File> =
        getApplication<Application>().cacheDir.listFiles { file -> file.name.startsWith(KEPT) }.orEmpty().toList()

    private fun openNetwork(): TrustedNetwork<LiteRtNetwork> {
        val assets = getApplication<Application>().assets
        return TrustedNetwork(LiteRtNetwork(assets, Accelerator.CPU)) {
            LiteRtNetwork(assets, Accelerator.GPU)
        }
    }

    private fun fail(id: Int, @StringRes problem: Int) {
        // A photo that is restored already stays so: only showing it has failed.
        if (state.value.queue.photos.any { it.id == id && it.state != PhotoState.RESTORED }) {
            setState(id, PhotoState.FAILED)
        }
        mutableState.update { it.copy(problem = problem) }
    }

    override fun onCleared() {
        // Closed after the tile in progress, which still uses the buffers.
        CoroutineScope(SupervisorJob() + oneThread).launch { network?.close() }
    }

    private companion object {
        /** Restored photos that are not saved yet, without loss, until the app is closed. */
        const val KEPT = "restored-"
    }
}
