package org.egnet.deblur

import android.content.Intent
import android.net.Uri
import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.activity.enableEdgeToEdge
import androidx.activity.viewModels
import androidx.core.content.IntentCompat
import org.egnet.deblur.core.mayOpenShared
import org.egnet.deblur.ui.DeblurScreen
import org.egnet.deblur.ui.DeblurTheme

class MainActivity : ComponentActivity() {
    private val viewModel: DeblurViewModel by viewModels()

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        setContent {
            DeblurTheme { DeblurScreen(viewModel) }
        }
        // Only once: rotating the phone recreates the activity with the same intent.
        if (savedInstanceState == null) openShared(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        openShared(intent)
    }

    private fun openShared(intent: Intent) {
        val uris = try {
            when (intent.action) {
                Intent.ACTION_SEND ->
                    listOfNotNull(IntentCompat.getParcelableExtra(intent, Intent.EXTRA_STREAM, Uri::class.java))
                Intent.ACTION_SEND_MULTIPLE ->
                    IntentCompat.getParcelableArrayListExtra(intent, Intent.EXTRA_STREAM, Uri::class.java).orEmpty()
                else -> return
            }
        } catch (_: RuntimeException) {
            // An extra of a class that this app does not know cannot be unpacked.
            emptyList()
        }
        val allowed = uris.filter { mayOpenShared(it.scheme, it.authority, packageName) }
        viewModel.add(allowed)
        if (allowed.isEmpty() || allowed.size < uris.size) viewModel.refuseShared()
    }
}
