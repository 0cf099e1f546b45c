/** A decoded photo, the restored photo as it grows, and views of both. */

import type { Rectangle, SaveFormat } from "../core/protocol.ts";

const JPEG_QUALITY = 0.95;

export class Photo {
  readonly width: number;
  readonly height: number;
  /** Preview pixels per photo pixel, at most 1. */
  readonly previewScale: number;
  private result: Canvas | null = null;
  private readonly window: Canvas;

  private constructor(
    private readonly bitmap: ImageBitmap,
    readonly tile: number,
    previewSide: number,
  ) {
    this.width = bitmap.width;
    this.height = bitmap.height;
    this.previewScale = Math.min(1, previewSide / Math.max(this.width, this.height));
    this.window = newCanvas(Math.min(tile, this.width), Math.min(tile, this.height));
  }

  /** Decodes a file and rotates it upright by its EXIF orientation. */
  static async open(file: Blob, tile: number, previewSide: number): Promise<Photo> {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    return new Photo(bitmap, tile, previewSide);
  }

  /** Frees memory that the garbage collector would hold on to. */
  close(): void {
    this.bitmap.close();
    this.result?.free();
    this.result = null;
    this.window.free();
  }

  get restored(): boolean {
    return this.result !== null;
  }

  /** The RGBA pixels of a tile, or of the whole photo if it is smaller than one. */
  pixels(top: number, left: number): ImageData {
    const { canvas, context } = this.window;
    // Transparent parts become white, as on paper.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.bitmap, -left, -top);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  /**
   * Allocates the restored photo.
   *
   * @throws RangeError if the browser has no canvas that large.
   */
  startResult(): void {
    this.result?.free();
    this.result = newCanvas(this.width, this.height);
    const { context } = this.result;
    // Browsers do not refuse a canvas that is too large; it silently stays empty.
    context.fillStyle = "#fff";
    context.fillRect(this.width - 1, this.height - 1, 1, 1);
    if (context.getImageData(this.width - 1, this.height - 1, 1, 1).data[0] !== 255) {
      this.dropResult();
      throw new RangeError("Expected memory for a canvas of the photo's size. Received: none");
    }
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
  preview(which: "blurry" | "restored"): ImageBitmap {
    const all = { x: 0, y: 0, width: this.width, height: this.height };
    const { width, height } = this.onPreview(all);
    return this.view(which, all, width, height);
  }

  /** A part of the restored photo at the preview's scale, and its place there. */
  previewPart(area: Rectangle): { part: ImageBitmap; area: Rectangle } {
    const target = this.onPreview(area);
    return { part: this.view("restored", area, target.width, target.height), area: target };
  }

  /** A part of the photo, scaled to the given size. */
  view(which: "blurry" | "restored", area: Rectangle, width: number, height: number): ImageBitmap {
    const source = which === "blurry" ? this.bitmap : this.result!.canvas;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d")!;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = "high";
    context.drawImage(source, area.x, area.y, area.width, area.height, 0, 0, width, height);
    return canvas.transferToImageBitmap();
  }

  /** The restored photo as a file. */
  encode(format: SaveFormat): Promise<Blob> {
    return this.result!.canvas.convertToBlob({ type: format, quality: JPEG_QUALITY });
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
