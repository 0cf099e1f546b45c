package org.egnet.deblur.ui

import android.net.Uri
import androidx.activity.compose.BackHandler
import androidx.activity.compose.rememberLauncherForActivityResult
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts
import androidx.annotation.StringRes
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.safeDrawingPadding
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.horizontalScroll
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.shape.RoundedCornerShape
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.AlertDialog
import androidx.compose.material3.Button
import androidx.compose.material3.FilterChip
import androidx.compose.material3.Icon
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Slider
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.pluralStringResource
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.font.FontWeight
import androidx.compose.ui.unit.dp
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import com.google.ai.edge.litert.Accelerator
import kotlin.math.roundToInt
import org.egnet.deblur.DeblurViewModel
import org.egnet.deblur.R
import org.egnet.deblur.Stage
import org.egnet.deblur.UiState
import org.egnet.deblur.core.PhotoState
import org.egnet.deblur.core.QueuedPhoto

@Composable
fun DeblurScreen(viewModel: DeblurViewModel) {
    val state by viewModel.state.collectAsStateWithLifecycle()
    val pick = rememberLauncherForActivityResult(ActivityResultContracts.PickMultipleVisualMedia()) { uris: List<Uri> ->
        viewModel.add(uris)
    }
    val choose = {
        pick.launch(PickVisualMediaRequest(ActivityResultContracts.PickVisualMedia.ImageOnly))
    }
    BackHandler(enabled = state.stage != Stage.START) { viewModel.close() }
    Surface(Modifier.fillMaxSize(), color = MaterialTheme.colorScheme.background) {
        Column(Modifier.safeDrawingPadding()) {
            state.problem?.let { Problem(stringResource(it), viewModel::dismissProblem) }
            if (state.stage == Stage.START) {
                Start(choose)
            } else {
                Work(state, viewModel, choose)
            }
        }
        if (state.asking) Question(leave = { viewModel.close(sure = true) }, viewModel::stay)
    }
}

@Composable
private fun Start(choose: () -> Unit) {
    Column(
        Modifier.fillMaxSize().verticalScroll(rememberScrollState()).padding(24.dp),
        verticalArrangement = Arrangement.Center,
    ) {
        Text(
            stringResource(R.string.headline),
            Modifier.semantics { heading() },
            style = MaterialTheme.typography.displaySmall,
            fontWeight = FontWeight.Bold,
        )
        Spacer(Modifier.height(16.dp))
        Text(
            stringResource(R.string.lead),
            style = MaterialTheme.typography.bodyLarge,
            color = MaterialTheme.colorScheme.onSurfaceVariant,
        )
        Spacer(Modifier.height(32.dp))
        Button(choose, Modifier.fillMaxWidth().height(56.dp)) {
            Icon(painterResource(R.drawable.ic_photo), contentDescription = null)
            Spacer(Modifier.width(12.dp))
            Text(stringResource(R.string.choose))
        }
    }
}

@Composable
private fun Work(state: UiState, viewModel: DeblurViewModel, choose: () -> Unit) {
    val save = rememberLauncherForActivityResult(
        ActivityResultContracts.CreateDocument("image/jpeg"),
    ) { uri: Uri? -> uri?.let(viewModel::save) }
    Column(Modifier.fillMaxSize()) {
        Row(
            Modifier.fillMaxWidth().padding(horizontal = 8.dp),
            horizontalArrangement = Arrangement.SpaceBetween,
            verticalAlignment = Alignment.CenterVertically,
        ) {
            TextButton({ viewModel.close() }) {
                Icon(painterResource(R.drawable.ic_back), contentDescription = null)
                Text(stringResource(R.string.back))
            }
            TextButton(choose) { Text(stringResource(R.string.add)) }
            state.accelerator?.let {
                Text(
                    stringResource(if (it == Accelerator.GPU) R.string.runs_on_gpu else R.string.runs_on_cpu),
                    Modifier.padding(end = 12.dp),
                    style = MaterialTheme.typography.labelMedium,
                    color = MaterialTheme.colorScheme.onSurfaceVariant,
                )
            }
        }
        if (state.queue.photos.size > 1) Queue(state, viewModel::show)
        Box(Modifier.weight(1f).fillMaxWidth()) {
            val strength = state.queue.shown?.strength ?: 1f
            state.photo?.let { CompareView(it, state.stage, state.done, strength, viewModel::detail) }
        }
        Dock(state, viewModel) { save.launch("deblurred.jpg") }
    }
}

/** The photos of the queue with their states; the one on the screen is selected. */
@Composable
private fun Queue(state: UiState, show: (Int) -> Unit) {
    Row(
        Modifier.fillMaxWidth().horizontalScroll(rememberScrollState()).padding(horizontal = 12.dp),
        horizontalArrangement = Arrangement.spacedBy(8.dp),
    ) {
        state.queue.photos.forEachIndexed { i, photo ->
            FilterChip(
                selected = photo.id == state.queue.shownId,
                onClick = { show(photo.id) },
                label = { Text(stringResource(queueText(photo), i + 1)) },
            )
        }
    }
}

@StringRes
private fun queueText(photo: QueuedPhoto<Uri>): Int = when (photo.state) {
    PhotoState.WAITING -> R.string.queue_waiting
    PhotoState.WORKING -> R.string.queue_working
    PhotoState.RESTORED -> if (photo.saved) R.string.queue_saved else R.string.queue_restored
    PhotoState.STOPPED -> R.string.queue_stopped
    PhotoState.FAILED -> R.string.queue_failed
}

/** Asks before restored photos are thrown away. */
@Composable
private fun Question(leave: () -> Unit, stay: () -> Unit) {
    AlertDialog(
        onDismissRequest = stay,
        confirmButton = { TextButton(stay) { Text(stringResource(R.string.ask_stay)) } },
        dismissButton = { TextButton(leave) { Text(stringResource(R.string.ask_leave)) } },
        title = { Text(stringResource(R.string.ask_title)) },
        text = { Text(stringResource(R.string.ask_text)) },
    )
}

@Composable
private fun Dock(state: UiState, viewModel: DeblurViewModel, save: () -> Unit) {
    Column(Modifier.padding(16.dp), verticalArrangement = Arrangement.spacedBy(12.dp)) {
        // Announced when it changes, except tile by tile, which would be too much.
        val spoken = if (state.stage == Stage.WORKING) {
            Modifier
        } else {
            Modifier.semantics { liveRegion = LiveRegionMode.Polite }
        }
        Text(statusText(state), spoken, style = MaterialTheme.typography.bodyMedium)
        val wide = Modifier.fillMaxWidth().height(52.dp)
        when (state.stage) {
            Stage.START -> Unit
            Stage.OPENING, Stage.WAITING -> LinearProgressIndicator(Modifier.fillMaxWidth())
            Stage.WORKING -> {
                LinearProgressIndicator(
                    progress = { if (state.total == 0) 0f else state.done / state.total.toFloat() },
                    modifier = Modifier.fillMaxWidth(),
                )
                OutlinedButton(viewModel::cancel, wide) { Text(stringResource(R.string.cancel)) }
            }
            Stage.STOPPED ->
                Button(viewModel::restoreAgain, wide) { Text(stringResource(R.string.restore)) }
            Stage.RESTORED -> {
                Strength(state.queue.shown?.strength ?: 1f, viewModel::setStrength)
                Button(save, wide) {
                    Icon(painterResource(R.drawable.ic_save), contentDescription = null)
                    Spacer(Modifier.width(12.dp))
                    Text(stringResource(R.string.save))
                }
            }
        }
    }
}

/** Blends the restored photo with the original, at once. */
@Composable
private fun Strength(strength: Float, set: (Float) -> Unit) {
    val label = stringResource(R.string.strength, (100 * strength).roundToInt())
    Row(verticalAlignment = Alignment.CenterVertically) {
        Text(label, style = MaterialTheme.typography.bodyMedium)
        Spacer(Modifier.width(12.dp))
        Slider(strength, set, Modifier.weight(1f).semantics { contentDescription = label })
    }
}

@Composable
private fun statusText(state: UiState): String = when (state.stage) {
    Stage.START -> ""
    Stage.OPENING -> stringResource(R.string.opening)
    Stage.WAITING -> stringResource(R.string.waiting)
    Stage.STOPPED -> stringResource(R.string.stopped)
    Stage.RESTORED ->
        if (state.queue.shown?.saved == true) {
            stringResource(R.string.saved)
        } else {
            stringResource(R.string.restored, time(state.seconds[state.queue.shownId] ?: 0))
        }
    Stage.WORKING -> {
        val tile = minOf(state.done + 1, state.total)
        state.secondsLeft?.let { stringResource(R.string.working_left, tile, state.total, time(it)) }
            ?: stringResource(R.string.working, tile, state.total)
    }
}

@Composable
private fun time(seconds: Int): String =
    if (seconds < 60) {
        val shown = maxOf(1, seconds)
        pluralStringResource(R.plurals.seconds, shown, shown)
    } else {
        val minutes = (seconds + 30) / 60
        pluralStringResource(R.plurals.minutes, minutes, minutes)
    }

@Composable
private fun Problem(text: String, dismiss: () -> Unit) {
    Surface(
        Modifier.fillMaxWidth().padding(12.dp).semantics { liveRegion = LiveRegionMode.Assertive },
        shape = RoundedCornerShape(14.dp),
        color = MaterialTheme.colorScheme.errorContainer,
        contentColor = MaterialTheme.colorScheme.onErrorContainer,
    ) {
        Row(Modifier.padding(start = 16.dp), verticalAlignment = Alignment.CenterVertically) {
            Text(text, Modifier.weight(1f).padding(vertical = 12.dp), style = MaterialTheme.typography.bodyMedium)
            TextButton(dismiss) { Text(stringResource(R.string.dismiss)) }
        }
    }
}
