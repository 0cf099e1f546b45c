package org.egnet.deblur.core

import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class SharedPhotoTest {
    private val own = "org.egnet.deblur"

    private fun mayOpen(scheme: String?, authority: String?) = mayOpenShared(scheme, authority, own)

    @Test
    fun `photos of other apps are opened`() {
        for (authority in listOf("media", "com.android.providers.media.documents", "10@media")) {
            assertTrue(mayOpen("content", authority), authority)
        }
        assertTrue(mayOpen("content", "org.egnet.deblurring"))
    }

    @Test
    fun `files and other schemes are refused`() {
        for (scheme in listOf("file", "android.resource", "http", "https", "data", "FILE", "Content", "", null)) {
            assertFalse(mayOpen(scheme, "media"), "$scheme")
        }
        assertFalse(mayOpen("file", null))
        assertFalse(mayOpen("file", ""))
    }

    @Test
    fun `this app's own providers are refused, however they are written`() {
        for (authority in listOf(own, "$own.androidx-startup", "0@$own", "10@$own.files", "1@2@$own", own.uppercase())) {
            assertFalse(mayOpen("content", authority), authority)
        }
    }

    @Test
    fun `a URI without an authority is refused`() {
        for (authority in listOf(null, "", " ", "10@")) assertFalse(mayOpen("content", authority), "$authority")
    }
}
