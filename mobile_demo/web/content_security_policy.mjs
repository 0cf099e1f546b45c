/**
 * What the page and its workers may load: their own files and nothing else. Written into
 * index.html by build.mjs, sent by static_server.mjs, and added by the service worker.
 *
 * blob: is for photos, which are shown and saved from memory, and for LiteRT's threads.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
