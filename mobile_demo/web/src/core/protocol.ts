/** The messages between the page and its worker. */

/** A rectangle in pixels. */
export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export type SaveFormat = "image/jpeg" | "image/png" | "image/webp";

/** The device, the number of threads and the kind of file that the network runs on. */
export interface RunsOn {
  accelerator: "webgpu" | "wasm";
  threads: number;
  model: ModelKind;
}

/** The shipped files: half-precision weights, or 8-bit integers. */
export type ModelKind = "float16" | "int8";

/** Why something failed; `messages.ts` has the text for each. */
export type Problem = "engine" | "memory";

/** A photo's file and, once there is one, the restored photo as a PNG file. */
export interface PhotoFiles {
  photo: number;
  file: Blob;
  restored: Blob | null;
}

/** What restoring a photo gave. */
export interface Outcome {
  /** The restored photo without loss, so that its pixels need not stay in memory. */
  restored: Blob;
  seconds: number;
  /** Length of the blur in pixels before and after; null if it cannot be told. */
  before: number | null;
  after: number | null;
  /** Mean change of each cell: see `ChangeMap`. */
  changes: Float32Array;
}

export type ToWorker =
  | { type: "start"; accelerator: "auto" | "webgpu" | "wasm"; model: "auto" | ModelKind }
  /** Shows a photo; the pixels of one that is neither shown nor being restored are freed. */
  | ({ type: "show" } & PhotoFiles)
  | { type: "hide" }
  | { type: "restore"; photo: number; file: Blob }
  | { type: "cancel"; photo: number }
  | { type: "detail"; photo: number; request: number; area: Rectangle; width: number; height: number }
  | ({ type: "encode"; request: number; format: SaveFormat; strength: number } & PhotoFiles);

export type FromWorker =
  | { type: "ready"; runsOn: RunsOn }
  /** `restored` is null before a photo is restored, and partly transparent meanwhile. */
  | { type: "shown"; photo: number; width: number; height: number; blurry: ImageBitmap; restored: ImageBitmap | null }
  /** A part of the restored preview of the photo that is shown, to be drawn at `area`. */
  | { type: "part"; photo: number; part: ImageBitmap; area: Rectangle }
  | { type: "progress"; photo: number; done: number; total: number }
  /** `preview` is null unless the photo is shown. */
  | { type: "restored"; photo: number; outcome: Outcome; preview: ImageBitmap | null }
  | { type: "cancelled"; photo: number }
  | { type: "detail"; photo: number; request: number; area: Rectangle; blurry: ImageBitmap; restored: ImageBitmap | null }
  | { type: "encoded"; photo: number; request: number; file: Blob }
  /** `photo` is null if no photo can be restored at all. */
  | { type: "problem"; photo: number | null; during: ToWorker["type"] | null; problem: Problem; detail: string };
