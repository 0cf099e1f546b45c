/** What the page and its worker say to each other. */

/** A rectangle in pixels. */
export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export type SaveFormat = "image/jpeg" | "image/png";

/** What the network runs on. */
export interface RunsOn {
  accelerator: "webgpu" | "wasm";
  threads: number;
}

/** Why something cannot be done; `messages.ts` has the words for it. */
export type Problem = "engine" | "memory";

export type ToWorker =
  | { type: "start"; accelerator: "auto" | "webgpu" | "wasm" }
  | { type: "open"; photo: number; file: Blob; previewSide: number }
  /** The photo is left; its memory is wanted back. */
  | { type: "close" }
  | { type: "restore"; photo: number }
  | { type: "cancel"; photo: number }
  | { type: "detail"; photo: number; request: number; area: Rectangle; width: number; height: number }
  | { type: "encode"; photo: number; format: SaveFormat };

export type FromWorker =
  | { type: "ready"; runsOn: RunsOn }
  | { type: "opened"; photo: number; width: number; height: number; preview: ImageBitmap }
  /** A part of the restored preview, to be drawn at `area` of the preview. */
  | { type: "part"; photo: number; part: ImageBitmap; area: Rectangle }
  | { type: "progress"; photo: number; done: number; total: number }
  | { type: "restored"; photo: number; preview: ImageBitmap; seconds: number }
  | { type: "cancelled"; photo: number }
  | { type: "detail"; photo: number; request: number; area: Rectangle; blurry: ImageBitmap; restored: ImageBitmap | null }
  | { type: "encoded"; photo: number; file: Blob }
  /** `photo` is null when nothing at all can be restored. */
  | { type: "problem"; photo: number | null; problem: Problem; detail: string };
