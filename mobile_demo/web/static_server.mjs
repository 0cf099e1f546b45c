/** A web server for the files in a folder. */

import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { pipeline } from "node:stream";

import { CONTENT_SECURITY_POLICY } from "./content_security_policy.mjs";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".jpg": "image/jpeg",
  ".png": "image/png",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".tflite": "application/octet-stream",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/**
 * Starts a server for the files in a folder. No request ends it: one that cannot be
 * understood is answered with 400, another method than GET and HEAD with 405.
 *
 * @param isolated whether to send the headers that make the page cross-origin isolated.
 */
export async function serve(folder, { port = 0, host = "127.0.0.1", isolated = true } = {}) {
  const root = await realpath(folder);
  const headers = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": `${CONTENT_SECURITY_POLICY}; frame-ancestors 'none'`,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    ...(isolated && {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    }),
  };
  const server = http.createServer((request, response) => {
    answer(root, headers, request, response).catch(() => refuse(response, 500, "Internal error"));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server));
  });
}

async function answer(root, headers, request, response) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return refuse(response, 405, "Method not allowed");
  }
  const wanted = requestedPath(request.url);
  if (wanted === null) return refuse(response, 400, "Bad request");
  const named = path.join(root, wanted);
  const file = named.endsWith(path.sep) ? path.join(named, "index.html") : named;
  // Neither `..` nor a link leads out of the folder.
  const real = await realpath(file).catch(() => null);
  const found = real?.startsWith(root + path.sep) ? await stat(real).catch(() => null) : null;
  if (!found?.isFile()) return refuse(response, 404, "Not found");
  response.writeHead(200, {
    ...headers,
    "Content-Type": TYPES[path.extname(real)] ?? "application/octet-stream",
    "Content-Length": found.size,
  });
  if (request.method === "HEAD") return response.end();
  // A file that cannot be read, or a reader that goes away, ends this answer alone.
  pipeline(createReadStream(real), response, () => {});
}

/** The path below the folder that a request names, or null where it is malformed. */
function requestedPath(url) {
  try {
    const decoded = decodeURIComponent(new URL(url, "http://localhost").pathname);
    return decoded.includes("\0") ? null : path.normalize(decoded);
  } catch {
    return null;
  }
}

function refuse(response, status, reason) {
  if (response.headersSent) return response.destroy();
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(reason);
}
