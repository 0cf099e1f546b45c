/**
 * Keeps the page on the device: after the first visit it opens without a network.
 *
 * Everything comes from the cache of this version. What the page needs at once is
 * fetched while it is installed; of LiteRT's builds only the one that this browser
 * asks for, when it does. A new version waits until no page of the old one is open,
 * so that their files never mix.
 */

declare const VERSION: string;
declare const SHELL: string[];
declare const CONTENT_SECURITY_POLICY: string;

const worker = self as unknown as ServiceWorkerGlobalScope;
const CACHE = `egnet-deblur-${VERSION}`;
/** Photos from other apps, on their way to the page. */
const SHARED = "deblur-shared";

worker.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(CACHE).then((cache) =>
      // Not from the browser's own cache, where an older version may be.
      cache.addAll(SHELL.map((file) => new Request(file, { cache: "no-cache" }))),
    ),
  );
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith("egnet-deblur-") && name !== CACHE) await caches.delete(name);
      }
      await worker.clients.claim();
    })(),
  );
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "POST" && new URL(request.url).pathname === new URL("share", worker.registration.scope).pathname) {
    event.respondWith(keepShared(request));
    return;
  }
  const inScope = request.url.startsWith(worker.registration.scope);
  if (request.method === "GET" && inScope) event.respondWith(answer(request));
});

/**
 * Keeps the photos that another app shares (the manifest's `share_target`) until the page,
 * which this leads to, takes them. They never leave the device.
 */
async function keepShared(request: Request): Promise<Response> {
  const cache = await caches.open(SHARED);
  const files = (await request.formData()).getAll("photos");
  for (const [i, file] of files.entries()) {
    if (!(file instanceof File)) continue;
    const address = new URL(`shared/${i}/${encodeURIComponent(file.name || "photo")}`, worker.registration.scope);
    await cache.put(address, new Response(file, { headers: { "Content-Type": file.type } }));
  }
  return Response.redirect(new URL("?shared", worker.registration.scope).href, 303);
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  // `?...` are settings of the page, not other files.
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return isolated(kept);
  const response = await fetch(request);
  if (response.ok && response.status === 200 && response.type === "basic") {
    await cache.put(request, response.clone());
  }
  return isolated(response);
}

/** With the headers that the page needs, also where the host cannot be told to send them. */
function isolated(response: Response): Response {
  if (response.type === "error" || response.type === "opaque") return response;
  const headers = new Headers(response.headers);
  headers.set("Content-Security-Policy", `${CONTENT_SECURITY_POLICY}; frame-ancestors 'none'`);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
