/** Registers the service worker that makes the page work without a network. */

/**
 * Resolves when the service worker answers for this page, so that what is loaded
 * from now on is kept; or when there will be none.
 */
export async function keepOffline(): Promise<void> {
  // Not there on plain http (but for localhost) and in some private windows.
  const container = navigator.serviceWorker;
  if (!container || container.controller) return;
  try {
    const registration = await container.register("service_worker.js");
    await new Promise<void>((resolve) => {
      container.addEventListener("controllerchange", () => resolve());
      const installing = registration.installing ?? registration.waiting;
      installing?.addEventListener("statechange", () => {
        if (installing.state === "redundant") resolve();
      });
      // A page that was reloaded past its service worker (Shift) is never controlled.
      if (registration.active) resolve();
    });
  } catch (error) {
    console.warn("The page will not work offline.", error);
  }
}
