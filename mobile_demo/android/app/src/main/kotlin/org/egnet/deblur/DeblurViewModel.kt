package org.egnet.deblur

import android.app.Application
import android.net.Uri
import android.os.SystemClock
import androidx.annotation.StringRes
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.viewModelScope
import com.google.ai.edge.litert.Accelerator
import java.io.IOException
import kotlin.coroutines.cancellation.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.egnet.deblur.core.Area
import org.egnet.deblur.core.TrustedNetwork
import org.egnet.deblur.core.restorePhoto

enum class Stage { START, OPENING, WORKING, STOPPED, RESTORED }

/** What the screen shows. */
data class UiState(
    val stage: Stage = Stage.START,
    val photo: Photo? = null,
    val done: Int = 0,
    val total: Int = 0,
    val secondsLeft: Int? = null,
    /** How long the restoration took. */
    val seconds: Int = 0,
    val accelerator: Accelerator? = null,
    val saved: Boolean = false,
    @param:StringRes val problem: Int? = null,
)

class DeblurViewModel(application: Application) : AndroidViewModel(application) {
    private val mutableState = MutableStateFlow(UiState())
    val state: StateFlow<UiState> = mutableState.asStateFlow()

    /** A single thread, because neither LiteRT's buffers nor a photo are thread-safe. */
    private val oneThread = Dispatchers.IO.limitedParallelism(1)
    private var network: TrustedNetwork<LiteRtNetwork>? = null
    private var job: Job? = null

    /** Opens a photo and restores it, cancelling any restoration in progress. */
    fun open(uri: Uri) = start {
        mutableState.update { UiState(Stage.OPENING, accelerator = it.accelerator) }
        val photo = withContext(oneThread) { Photo.open(getApplication(), uri) }
        restore(photo)
    }

    /** Says that what another app has shared cannot be opened. */
    fun refuseShared() = mutableState.update { it.copy(problem = R.string.problem_photo) }

    /** Restores the photo again after it was stopped. */
    fun restoreAgain() {
        val photo = state.value.photo ?: return
        start { restore(photo) }
    }

    fun cancel() {
        job?.cancel()
        mutableState.update { it.copy(stage = if (it.photo == null) Stage.START else Stage.STOPPED) }
    }

    fun close() {
        job?.cancel()
        mutableState.update { UiState(accelerator = it.accelerator) }
    }

    fun save(uri: Uri) {
        val photo = state.value.photo ?: return
        viewModelScope.launch {
            try {
                withContext(oneThread) { photo.save(getApplication<Application>().contentResolver, uri) }
                mutableState.update { it.copy(saved = true) }
            } catch (_: IOException) {
                mutableState.update { it.copy(problem = R.string.problem_saving) }
            }
        }
    }

    fun dismissProblem() = mutableState.update { it.copy(problem = null) }

    /** The visible area of a large photo, at a higher resolution than its preview. */
    suspend fun detail(photo: Photo, area: Area, scale: Float) =
        withContext(Dispatchers.Default) { photo.detail(area, scale) }

    private fun start(work: suspend () -> Unit) {
        val previous = job
        job = viewModelScope.launch {
            previous?.cancelAndJoin()
            try {
                work()
            } catch (cancelled: CancellationException) {
                throw cancelled
            } catch (_: TooLargeException) {
                fail(R.string.problem_large)
            } catch (_: IOException) {
                fail(R.string.problem_photo)
            } catch (_: SecurityException) {
                // The app that shared the photo has revoked the permission.
                fail(R.string.problem_photo)
            } catch (_: OutOfMemoryError) {
                fail(R.string.problem_memory)
            } catch (_: Exception) {
                // LiteRT's own exceptions.
                fail(R.string.problem_network)
            }
        }
    }

    private suspend fun restore(photo: Photo) {
        mutableState.update { UiState(Stage.WORKING, photo, accelerator = it.accelerator) }
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
        }
        mutableState.update { it.copy(stage = Stage.RESTORED, seconds = seconds().toInt()) }
    }

    private fun openNetwork(): TrustedNetwork<LiteRtNetwork> {
        val assets = getApplication<Application>().assets
        return TrustedNetwork(LiteRtNetwork(assets, Accelerator.CPU)) {
            LiteRtNetwork(assets, Accelerator.GPU)
        }
    }

    private fun fail(@StringRes problem: Int) = mutableState.update {
        val stage = if (it.photo == null) Stage.START else Stage.STOPPED
        it.copy(stage = stage, problem = problem)
    }

    override fun onCleared() {
        // Closed after the tile in progress, which still uses the buffers.
        CoroutineScope(SupervisorJob() + oneThread).launch { network?.close() }
    }
}
