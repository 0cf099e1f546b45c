/** Photo files: measuring the chosen ones, naming and downloading the restored ones. */

import type { SaveFormat } from "../core/protocol.ts";

/** The smallest maximum canvas size among browsers (Safari's): 8192 x 8192. */
const MOST_CANVAS_PIXELS = 2 ** 26;
/**
 * Device memory needed per pixel. One photo is shown while another is restored: both
 * with their restored ones, decoding and encoding take about 32 bytes at their peak, and
 * a page should not use more than a quarter.
 */
const DEVICE_BYTES_PER_PIXEL = 32 * 4;

/** The largest number of pixels that a photo may have on this device. */
export function mostPixels(): number {
  // In GiB, rounded down, at most 8; only Chromium reports it.
  const memory = (navigator as { deviceMemory?: number }).deviceMemory ?? 8;
  return Math.min(MOST_CANVAS_PIXELS, (memory * 2 ** 30) / DEVICE_BYTES_PER_PIXEL);
}

/**
 * The size of a photo, upright, without decoding all of it.
 *
 * @returns null if this browser cannot open the file as a photo.
 */
export async function measure(file: Blob): Promise<{ width: number; height: number } | null> {
  const url = URL.createObjectURL(file);
  try {
    return await new Promise((resolve) => {
      const image = new Image();
      image.onload = () => {
        const { naturalWidth: width, naturalHeight: height } = image;
        resolve(width > 0 && height > 0 ? { width, height } : null);
      };
      image.onerror = () => resolve(null);
      image.src = url;
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

const ENDS: Record<SaveFormat, string> = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp" };

/** The name of the restored photo: `holiday.heic` -> `holiday-deblurred.jpg`. */
export function savedName(name: string, format: SaveFormat): string {
  const stem = name.replace(/\.[^.]*$/, "") || "photo";
  return `${stem}-deblurred.${ENDS[format]}`;
}

/** The formats that this browser writes: Safari has no WebP. */
export async function writableFormats(): Promise<SaveFormat[]> {
  const formats: SaveFormat[] = ["image/jpeg", "image/png"];
  const canvas = new OffscreenCanvas(1, 1);
  canvas.getContext("2d");
  const webp = await canvas.convertToBlob({ type: "image/webp" }).catch(() => null);
  return webp?.type === "image/webp" ? [...formats, "image/webp"] : formats;
}

export function download(file: File): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  // Revoked later, because some browsers read the file only after this task.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Whether this device has a share sheet that takes photos. */
export function canShare(): boolean {
  const file = new File([], "photo.jpg", { type: "image/jpeg" });
  return navigator.canShare?.({ files: [file] }) ?? false;
}

/** What another app has shared with the page, as the service worker has kept it. */
export async function sharedPhotos(): Promise<File[]> {
  const cache = await caches.open("deblur-shared");
  const files: File[] = [];
  for (const request of await cache.keys()) {
    const response = (await cache.match(request))!;
    const name = decodeURIComponent(new URL(request.url).pathname.replace(/^.*\//, ""));
    const content = await response.blob();
    files.push(new File([content], name, { type: content.type }));
    await cache.delete(request);
  }
  return files;
}

/** The files among what was dropped or pasted; none if it is text. */
export function photosIn(data: DataTransfer | null): File[] {
  return [...(data?.files ?? [])];
}
