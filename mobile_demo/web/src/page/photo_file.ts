/** Photo files: measuring the chosen one, naming and downloading the restored one. */

import type { SaveFormat } from "../core/protocol.ts";

/** The smallest maximum canvas size among browsers (Safari's): 8192 x 8192. */
const MOST_CANVAS_PIXELS = 2 ** 26;
/**
 * Device memory needed per pixel. The photo, the restored photo, decoding and encoding
 * take about 24 bytes at their peak, and a page should not use more than a quarter.
 */
const DEVICE_BYTES_PER_PIXEL = 24 * 4;

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

/** The name of the restored photo: `holiday.heic` -> `holiday-deblurred.jpg`. */
export function savedName(name: string, format: SaveFormat): string {
  const stem = name.replace(/\.[^.]*$/, "") || "photo";
  return `${stem}-deblurred.${format === "image/png" ? "png" : "jpg"}`;
}

export function download(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // Revoked later, because some browsers read the file only after this task.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The photo among what was dropped or pasted. */
export function photoIn(data: DataTransfer | null): File | null {
  const files = [...(data?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}
