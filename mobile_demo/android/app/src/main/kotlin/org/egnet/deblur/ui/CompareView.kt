package org.egnet.deblur.ui

import android.graphics.Bitmap
import androidx.compose.foundation.Canvas
import androidx.compose.foundation.background
import androidx.compose.foundation.gestures.detectTapGestures
import androidx.compose.foundation.gestures.detectTransformGestures
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.BoxWithConstraints
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.shape.CircleShape
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Slider
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.LaunchedEffect
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableFloatStateOf
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.setValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.draw.clipToBounds
import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.FilterQuality
import androidx.compose.ui.graphics.asImageBitmap
import androidx.compose.ui.graphics.drawscope.DrawScope
import androidx.compose.ui.graphics.drawscope.clipRect
import androidx.compose.ui.input.pointer.pointerInput
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.CustomAccessibilityAction
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.customActions
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.IntOffset
import androidx.compose.ui.unit.IntSize
import androidx.compose.ui.unit.dp
import kotlin.math.roundToInt
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeoutOrNull
import org.egnet.deblur.Photo
import org.egnet.deblur.R
import org.egnet.deblur.Stage
import org.egnet.deblur.core.Area
import org.egnet.deblur.core.Camera

private const val QUIET_MILLISECONDS = 150L
private const val HOLD_MILLISECONDS = 350L

/** The visible area of both photos, at a higher resolution than their previews. */
private class Detail(val area: Area, val blurry: Bitmap, val restored: Bitmap?)

/**
 * The photo: blurry on the left of the divider, restored on the right.
 *
 * @param done number of restored tiles; each one changes the preview.
 * @param strength opacity of the restored photo over the blurry one.
 */
@Composable
fun CompareView(
    photo: Photo,
    stage: Stage,
    done: Int,
    strength: Float,
    detailOf: suspend (Photo, Area, Float) -> Pair<Bitmap, Bitmap?>,
) {
    val comparing = stage == Stage.RESTORED
    BoxWithConstraints(
        Modifier.fillMaxSize().background(MaterialTheme.colorScheme.surfaceContainerLowest).clipToBounds(),
    ) {
        val (viewWidth, viewHeight) = constraints.maxWidth.toFloat() to constraints.maxHeight.toFloat()
        var camera by remember(photo, viewWidth, viewHeight) {
            mutableStateOf(Camera.whole(photo.width, photo.height, viewWidth, viewHeight))
        }
        var split by remember(photo) { mutableFloatStateOf(0.5f) }
        var peeking by remember(photo, stage) { mutableStateOf(false) }
        var detail by remember(photo, stage) { mutableStateOf<Detail?>(null) }

        LaunchedEffect(photo, stage, camera) {
            val scale = minOf(1f, camera.scale)
            if (photo.hasDetail && scale > photo.blurryPreview.width / photo.width.toFloat()) {
                delay(QUIET_MILLISECONDS)
                val area = camera.seen
                val (blurry, restored) = detailOf(photo, area, scale)
                detail = Detail(area, blurry, restored)
            }
        }

        val description = stringResource(R.string.photo)
        val original = stringResource(R.string.original)
        Canvas(
            Modifier
                .fillMaxSize()
                .semantics {
                    contentDescription = description
                    // For who cannot hold a finger on it.
                    customActions = listOf(
                        CustomAccessibilityAction(original) {
                            peeking = !peeking
                            true
                        },
                    )
                }
                .pointerInput(photo, comparing) {
                    detectTransformGestures { centre, pan, zoom, _ ->
                        if (comparing && camera.isWhole && zoom == 1f) {
                            // A photo that is shown whole cannot be moved, so all of it drags the divider.
                            split = ((centre.x - camera.left) / camera.width).coerceIn(0f, 1f)
                        } else {
                            camera = camera.zoomed(zoom, centre.x, centre.y).moved(pan.x, pan.y)
                        }
                    }
                }
                .pointerInput(photo, comparing) {
                    detectTapGestures(
                        onPress = {
                            val ended = withTimeoutOrNull(HOLD_MILLISECONDS) { tryAwaitRelease() }
                            if (ended == null) {
                                peeking = true
                                tryAwaitRelease()
                                peeking = false
                            }
                        },
                        onDoubleTap = { at ->
                            val closer = maxOf(2f, 1 / camera.scale)
                            camera = camera.zoomed(if (camera.isWhole) closer else 0f, at.x, at.y)
                        },
                    )
                },
        ) {
            val whole = Area(0, 0, photo.width, photo.height)
            draw(photo.blurryPreview, whole, camera)
            detail?.let { draw(it.blurry, it.area, camera) }
            val from = if (comparing) splitAt(camera, split) else 0f
            // After stopping, the restored preview is incomplete and is not shown.
            if (!peeking && (comparing || (stage == Stage.WORKING && done > 0))) {
                clipRect(left = from) {
                    draw(photo.restoredPreview, whole, camera, strength)
                    detail?.restored?.let {
                        // On the original, not on the preview's blend.
                        draw(detail!!.blurry, detail!!.area, camera)
                        draw(it, detail!!.area, camera, strength)
                    }
                }
            }
            if (comparing && !peeking) {
                drawLine(Color.White, Offset(from, camera.top), Offset(from, camera.top + camera.height), 2.dp.toPx())
            }
        }
        if (comparing) {
            Tag(stringResource(R.string.before), Modifier.align(Alignment.TopStart))
            if (!peeking) Tag(stringResource(R.string.after), Modifier.align(Alignment.TopEnd))
            val compare = stringResource(R.string.compare)
            Slider(
                value = split,
                onValueChange = { split = it },
                modifier = Modifier
                    .align(Alignment.BottomCenter)
                    .fillMaxWidth()
                    .padding(horizontal = 16.dp)
                    .semantics { contentDescription = compare },
            )
        }
    }
}

/** X position of the divider, within the visible part of the photo. */
private fun DrawScope.splitAt(camera: Camera, split: Float): Float {
    val left = maxOf(0f, camera.left)
    val right = minOf(size.width, camera.left + camera.width)
    return left + (right - left) * split
}

/** Draws the bitmap of an area of the photo at that area's place in the view. */
private fun DrawScope.draw(bitmap: Bitmap, area: Area, camera: Camera, alpha: Float = 1f) {
    fun x(column: Int) = (camera.left + column * camera.scale).roundToInt()
    fun y(row: Int) = (camera.top + row * camera.scale).roundToInt()
    val corner = IntOffset(x(area.left), y(area.top))
    drawImage(
        bitmap.asImageBitmap(),
        dstOffset = corner,
        dstSize = IntSize(x(area.left + area.width) - corner.x, y(area.top + area.height) - corner.y),
        alpha = alpha,
        filterQuality = FilterQuality.Medium,
    )
}

@Composable
private fun Tag(text: String, modifier: Modifier) {
    Box(modifier.padding(12.dp).background(Color(0xA80C0D0F), CircleShape).padding(horizontal = 12.dp, vertical = 4.dp)) {
        Text(text, color = Color.White, style = MaterialTheme.typography.labelMedium)
    }
}
