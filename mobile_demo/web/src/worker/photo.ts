/** A decoded photo, the restored photo as it grows, and views of both. */

import { blurLength } from "../core/blur.ts";
import { isRgbProfile, readMetadata, withMetadata, type Metadata } from "../core/metadata.ts";
import { blend } from "../core/pixels.ts";
import type { PhotoFiles, Rectangle, SaveFormat } from "../core/protocol.ts";

const QUALITY = 0.95;
/** Longest side, in pixels, of the previews that the page itself holds. */
const PREVIEW_SIDE = 2048;
/** Rows that are blended at once. */
const BLENDED_ROWS = 256;

export class Photo {
  readonly width: number;
  readonly height: number;
  /** Preview pixels per photo pixel, at most 1. */
  readonly previewScale: number;
  private result: Canvas | null = null;
  private readonly window: Canvas;

  private constructor(
    private readonly bitmap: ImageBitmap,
    private readonly metadata: Metadata,
    tile: number,
  ) {
    this.width = bitmap.width;
    this.height = bitmap.height;
    this.previewScale = Math.min(1, PREVIEW_SIDE / Math.max(this.width, this.height));
    this.window = newCanvas(Math.min(tile, this.width), Math.min(tile, this.height));
  }

  /**
   * Decodes a photo, upright by its EXIF orientation, and its restored one.
   *
   * A photo with a colour profile of its own keeps its stored values, as in egnet_tf, and
   * is saved with that profile. Others (CMYK, grey) become sRGB.
   */
  static async open({ file, restored }: Pick<PhotoFiles, "file" | "restored">, tile: number): Promise<Photo> {
    const metadata = await readMetadata(new Uint8Array(await file.arrayBuffer()));
    const stored = metadata.icc !== null && isRgbProfile(metadata.icc) && (await givesStoredValues());
    const bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: stored ? "none" : "default",
    });
    const photo = new Photo(bitmap, stored ? metadata : { ...metadata, icc: null }, tile);
    if (restored) {
      try {
        photo.startResult();
        const decoded = await createImageBitmap(restored, { colorSpaceConversion: "none" });
        photo.result!.context.drawImage(decoded, 0, 0);
        decoded.close();
      } catch (error) {
        photo.close();
        throw error;
      }
    }
    return photo;
  }

  /** Frees memory that the garbage collector would hold on to. */
  close(): void {
    this.bitmap.close();
    this.dropResult();
    this.window.free();
  }

  get hasResult(): boolean {
    return this.result !== null;
  }

  /** The RGBA pixels of a tile, or of the whole photo if it is smaller than one. */
  pixels(top: number, left: number): ImageData {
    return this.read(this.window, top, left);
  }

  /**
   * Allocates the restored photo.
   *
   * @throws RangeError if the browser has no canvas that large.
   */
  startResult(): void {
    this.dropResult();
    this.result = newCanvas(this.width, this.height);
    const { context } = this.result;
    // Browsers do not refuse a canvas that is too large; it silently stays empty.
    context.fillStyle = "#fff";
    context.fillRect(this.width - 1, this.height - 1, 1, 1);
    if (context.getImageData(this.width - 1, this.height - 1, 1, 1).data[0] !== 255) {
      this.dropResult();
      throw new RangeError("Expected memory for a canvas of the photo's size. Received: none");
    }
    context.clearRect(this.width - 1, this.height - 1, 1, 1);
  }

  dropResult(): void {
    this.result?.free();
    this.result = null;
  }

  /** Writes finished pixels of the restored photo. */
  write(pixels: ImageData, top: number, left: number): void {
    this.result!.context.putImageData(pixels, left, top);
  }

  /** The whole photo, scaled down for the screen. */
  preview(which: "blurry" | "restored"): Promise<ImageBitmap> {
    const all = { x: 0, y: 0, width: this.width, height: this.height };
    const { width, height } = this.onPreview(all);
    return this.view(which, all, width, height);
  }

  /** A part of the restored photo at the preview's scale, and its place there. */
  async previewPart(area: Rectangle): Promise<{ part: ImageBitmap; area: Rectangle }> {
    const target = this.onPreview(area);
    return { part: await this.view("restored", area, target.width, target.height), area: target };
  }

  /**
   * A part of the photo, scaled to the given size; where the restored photo has no pixels
   * yet, it is transparent.
   */
  async view(which: "blurry" | "restored", area: Rectangle, width: number, height: number): Promise<ImageBitmap> {
    const source = which === "blurry" ? this.bitmap : this.result!.canvas;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d")!;
    if (which === "blurry") {
      context.fillStyle = "#fff";
      context.fillRect(0, 0, width, height);
    }
    context.imageSmoothingQuality = "high";
    context.drawImage(source, area.x, area.y, area.width, area.height, 0, 0, width, height);
    if (!isDisplayP3(this.metadata.icc)) return canvas.transferToImageBitmap();
    // The numbers are those of Display P3, which the canvas does not know.
    const { data } = context.getImageData(0, 0, width, height);
    return createImageBitmap(new ImageData(data, width, height, { colorSpace: "display-p3" }));
  }

  /** The length of the blur in pixels, or null. */
  blur(which: "blurry" | "restored"): number | null {
    let canvas: Canvas | null = null;
    const read = (top: number, left: number, height: number, width: number) => {
      if (which === "restored") return this.result!.context.getImageData(left, top, width, height).data;
      canvas ??= newCanvas(width, height);
      return this.read(canvas, top, left).data;
    };
    const length = blurLength(read, this.height, this.width);
    (canvas as Canvas | null)?.free();
    return length;
  }

  /** The restored photo without loss or metadata. */
  restoredFile(): Promise<Blob> {
    return this.result!.canvas.convertToBlob({ type: "image/png" });
  }

  /** The restored photo, blended with the original, as a file with the photo's metadata. */
  async encode(format: SaveFormat, strength: number): Promise<Blob> {
    const blended = strength === 1 ? null : this.blended(strength);
    try {
      const { canvas } = blended ?? this.result!;
      const encoded = await canvas.convertToBlob({ type: format, quality: QUALITY });
      if (encoded.type !== format) {
        throw new Error(`Expected a browser that writes ${format}. Received: ${encoded.type}`);
      }
      const pieces = await withMetadata(new Uint8Array(await encoded.arrayBuffer()), this.metadata, this);
      return new Blob(pieces as BlobPart[], { type: format });
    } finally {
      blended?.free();
    }
  }

  private blended(strength: number): Canvas {
    const { width, height } = this;
    const blended = newCanvas(width, height);
    const rows = newCanvas(width, Math.min(BLENDED_ROWS, height));
    for (let top = 0; top < height; top += BLENDED_ROWS) {
      const inside = Math.min(BLENDED_ROWS, height - top);
      const restored = this.result!.context.getImageData(0, top, width, inside);
      blend(this.read(rows, top, 0).data, restored.data, strength);
      blended.context.putImageData(restored, 0, top);
    }
    rows.free();
    return blended;
  }

  /** The RGBA pixels of a part of the photo, as large as a canvas. */
  private read({ canvas, context }: Canvas, top: number, left: number): ImageData {
    // Transparent parts become white, as on paper.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.bitmap, -left, -top);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  /** An area in preview pixels, rounded so that adjacent parts meet. */
  private onPreview({ x, y, width, height }: Rectangle): Rectangle {
    const left = Math.round(x * this.previewScale);
    const top = Math.round(y * this.previewScale);
    const right = Math.round((x + width) * this.previewScale);
    const bottom = Math.round((y + height) * this.previewScale);
    return { x: left, y: top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
  }
}

let stored: Promise<boolean> | null = null;

/**
 * Whether this browser decodes a photo to its stored values if it is asked to. Tried on a
 * red pixel whose profile calls the first channel blue.
 */
function givesStoredValues(): Promise<boolean> {
  stored ??= (async () => {
    try {
      const probe = await (await fetch("colour_probe.png")).blob();
      const bitmap = await createImageBitmap(probe, { colorSpaceConversion: "none" });
      const { canvas, context, free } = newCanvas(1, 1);
      context.drawImage(bitmap, 0, 0);
      const [red, , blue] = context.getImageData(0, 0, canvas.width, canvas.height).data;
      free();
      return red === 255 && blue === 0;
    } catch {
      return false;
    }
  })();
  return stored;
}

/** By the profile's name, in letters of one byte or of two. */
function isDisplayP3(icc: Uint8Array | null): boolean {
  return icc !== null && String.fromCharCode(...icc.subarray(0, 4096).filter((byte) => byte !== 0)).includes("Display P3");
}

interface Canvas {
  canvas: OffscreenCanvas;
  context: OffscreenCanvasRenderingContext2D;
  free(): void;
}

/** A canvas in main memory: it is read and written pixel by pixel. */
function newCanvas(width: number, height: number): Canvas {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) {
    throw new RangeError(`Expected memory for a canvas. Received: none of ${width} x ${height}`);
  }
  const free = () => {
    canvas.width = canvas.height = 0;
  };
  return { canvas, context, free };
}
