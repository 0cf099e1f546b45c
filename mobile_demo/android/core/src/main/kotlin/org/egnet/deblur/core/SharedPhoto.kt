package org.egnet.deblur.core

/**
 * Whether a photo that another app shares may be opened.
 *
 * Any app can send any URI, and it is opened with this app's rights. So only content of
 * other apps is: a `file:` URI or one of this app's own providers could name a private
 * file of this app, which its restored copy would give away, and other schemes
 * (`android.resource:`, `http:`) name no photo that was shared.
 *
 * @param scheme of the URI, or null.
 * @param authority of the URI, or null; it may begin with the user's number, as in
 *   `10@media`, which the system takes off.
 * @param ownPackage the name of this app's package, with which the authorities of its
 *   providers begin.
 */
fun mayOpenShared(scheme: String?, authority: String?, ownPackage: String): Boolean {
    if (scheme != "content" || authority.isNullOrBlank()) return false
    val provider = authority.substringAfterLast('@').lowercase()
    val own = ownPackage.lowercase()
    return provider.isNotBlank() && provider != own && !provider.startsWith("$own.")
}
