/** The messages between the page and its worker. */

/** A rectangle in pixels. */
export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export type SaveFormat = "image/jpeg" | "image/png";

/** The device and the number of threads that the network runs on. */
export interface RunsOn {
  accelerator: "webgpu" | "wasm";
  threads: number;
}

/** Why something failed; `messages.ts` has the text for each. */
export type Problem = "engine" | "memory";

export type ToWorker =
  | { type: "start"; accelerator: "auto" | "webgpu" | "wasm" }
  | { type: "open"; photo: number; file: Blob; previewSide: number }
  /** The photo is no longer needed; its memory can be freed. */
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
  /** `photo` is null if no photo can be restored at all. */
  | { type: "problem"; photo: number | null; problem: Problem; detail: string };
