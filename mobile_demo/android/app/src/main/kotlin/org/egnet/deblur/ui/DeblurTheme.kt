package org.egnet.deblur.ui

import androidx.compose.foundation.isSystemInDarkTheme
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.darkColorScheme
import androidx.compose.material3.lightColorScheme
import androidx.compose.runtime.Composable
import androidx.compose.ui.graphics.Color

// The colours of mobile_demo/web.
private val Light = lightColorScheme(
    primary = Color(0xFF0F6B5C),
    onPrimary = Color.White,
    background = Color(0xFFF7F6F3),
    onBackground = Color(0xFF191B1F),
    surface = Color(0xFFF7F6F3),
    onSurface = Color(0xFF191B1F),
    onSurfaceVariant = Color(0xFF5A5F69),
    surfaceContainerLowest = Color(0xFFE8E6E0),
    errorContainer = Color(0xFFFDF0ED),
    onErrorContainer = Color(0xFF9C2B1F),
)

private val Dark = darkColorScheme(
    primary = Color(0xFF5AD1B8),
    onPrimary = Color(0xFF06251F),
    background = Color(0xFF121316),
    onBackground = Color(0xFFF2F1EE),
    surface = Color(0xFF121316),
    onSurface = Color(0xFFF2F1EE),
    onSurfaceVariant = Color(0xFFA5AAB4),
    surfaceContainerLowest = Color(0xFF0A0B0D),
    errorContainer = Color(0xFF35190F),
    onErrorContainer = Color(0xFFFFB4A6),
)

@Composable
fun DeblurTheme(content: @Composable () -> Unit) {
    MaterialTheme(if (isSystemInDarkTheme()) Dark else Light, content = content)
}
