/** The worker: answers the page's messages (`protocol.ts`). */

import type { FromWorker, Problem, ToWorker } from "../core/protocol.ts";
import { Engine } from "./engine.ts";
import { Photo } from "./photo.ts";
import { restorePhoto } from "./restoration.ts";

const worker = self as unknown as DedicatedWorkerGlobalScope;

let engine: Promise<Engine> | null = null;
let engineFailed = false;
let photo: Photo | null = null;
/** The photo that was requested last; work on any other stops. */
let current = -1;
let restoring: Promise<void> = Promise.resolve();
let stop = false;

function say(message: FromWorker): void {
  const bitmaps = Object.values(message).filter((value) => value instanceof ImageBitmap);
  worker.postMessage(message, bitmaps);
}

worker.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  void answer(data);
};

async function answer(message: ToWorker): Promise<void> {
  try {
    switch (message.type) {
      case "start":
        engine = Engine.load(message.accelerator);
        engine.catch(() => (engineFailed = true));
        say({ type: "ready", runsOn: (await engine).runsOn });
        return;
      case "open":
        current = message.photo;
        await open(message.photo, message.file, message.previewSide);
        return;
      case "close":
        current = -1;
        await leave();
        return;
      case "cancel":
        stop = true;
        return;
      default:
        break;
    }
    if (message.photo !== current || photo === null) return;
    switch (message.type) {
      case "restore":
        restoring = restore(message.photo, photo);
        await restoring;
        return;
      case "detail": {
        const { area, width, height, request } = message;
        const blurry = photo.view("blurry", area, width, height);
        const restored = photo.restored ? photo.view("restored", area, width, height) : null;
        say({ type: "detail", photo: current, request, area, blurry, restored });
        return;
      }
      case "encode":
        say({ type: "encoded", photo: current, file: await photo.encode(message.format) });
    }
  } catch (error) {
    console.warn(error);
    const about = "photo" in message ? message.photo : null;
    const problem = engineFailed ? "engine" : problemOf(message, error);
    say({ type: "problem", photo: about, problem, detail: `${error}` });
  }
}

/** Stops the restoration in progress and frees the photo. */
async function leave(): Promise<void> {
  stop = true;
  await restoring.catch(() => {});
  photo?.close();
  photo = null;
}

async function open(id: number, file: Blob, previewSide: number): Promise<void> {
  await leave();
  const { tile } = await engine!;
  if (id !== current) return;
  const opened = await Photo.open(file, tile, previewSide);
  if (id !== current) {
    opened.close();
    return;
  }
  photo = opened;
  const { width, height } = photo;
  say({ type: "opened", photo: id, width, height, preview: photo.preview("blurry") });
}

async function restore(id: number, target: Photo): Promise<void> {
  stop = false;
  const started = performance.now();
  const loaded = await engine!;
  const before = loaded.runsOn;
  const finished = await restorePhoto(loaded, target, {
    cancelled: () => stop,
    progress: (done, total) => say({ type: "progress", photo: id, done, total }),
    changed: (area) => say({ type: "part", photo: id, ...target.previewPart(area) }),
  });
  if (loaded.runsOn !== before) say({ type: "ready", runsOn: loaded.runsOn });
  if (finished) {
    const seconds = (performance.now() - started) / 1000;
    say({ type: "restored", photo: id, preview: target.preview("restored"), seconds });
  } else {
    say({ type: "cancelled", photo: id });
  }
}

function problemOf(message: ToWorker, error: unknown): Problem {
  // The page has measured the photo, so the file is valid: if it cannot be decoded or
  // encoded now, the reason is a lack of memory.
  if (message.type === "open" || message.type === "encode") return "memory";
  return /memory|alloc|RangeError|out of bounds/i.test(`${error}`) ? "memory" : "engine";
}
