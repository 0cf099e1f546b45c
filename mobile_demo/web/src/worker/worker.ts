/** The worker: answers the page's messages (`protocol.ts`). */

import type { FromWorker, PhotoFiles, Problem, ToWorker } from "../core/protocol.ts";
import { Engine } from "./engine.ts";
import { Photo } from "./photo.ts";
import { restorePhoto } from "./restoration.ts";

const worker = self as unknown as DedicatedWorkerGlobalScope;

let engine: Promise<Engine> | null = null;
let engineFailed = false;
/** Decoded photos, and how many of showing, restoring and encoding need each. */
const open = new Map<number, { photo: Promise<Photo>; uses: number }>();
/** The photo on the screen, or -1. */
let shown = -1;
/** Counts what was asked to be shown: an answer to an older request is dropped. */
let showing = 0;
/** The photo that is being restored, or -1. */
let working = -1;
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
        engine = Engine.load(message.accelerator, message.model);
        engine.catch(() => (engineFailed = true));
        say({ type: "ready", runsOn: (await engine).runsOn });
        return;
      case "show":
        return await show(message);
      case "hide":
        return leave();
      case "restore":
        return await restore(message.photo, message.file);
      case "cancel":
        stop ||= message.photo === working;
        return;
      case "detail": {
        const photo = message.photo === shown ? await open.get(shown)?.photo : undefined;
        if (!photo) return;
        const { area, width, height, request } = message;
        const blurry = await photo.view("blurry", area, width, height);
        const restored = photo.hasResult ? await photo.view("restored", area, width, height) : null;
        say({ type: "detail", photo: message.photo, request, area, blurry, restored });
        return;
      }
      case "encode":
        try {
          const photo = await take(message);
          const file = await photo.encode(message.format, message.strength);
          say({ type: "encoded", photo: message.photo, request: message.request, file });
        } finally {
          give(message.photo);
        }
    }
  } catch (error) {
    console.warn(error);
    const about = "photo" in message ? message.photo : null;
    const problem = engineFailed ? "engine" : problemOf(message, error);
    say({ type: "problem", photo: about, during: message.type, problem, detail: `${error}` });
  }
}

/** Opens a photo, or finds it open. Whatever comes of it, `give` it back once. */
function take(files: PhotoFiles): Promise<Photo> {
  let entry = open.get(files.photo);
  if (!entry) {
    entry = { photo: engine!.then(({ tile }) => Photo.open(files, tile)), uses: 0 };
    open.set(files.photo, entry);
  }
  entry.uses++;
  return entry.photo;
}

function give(id: number): void {
  const entry = open.get(id)!;
  if (--entry.uses > 0) return;
  open.delete(id);
  entry.photo.then((photo) => photo.close(), () => {});
}

/** Takes the photo off the screen. */
function leave(): void {
  showing++;
  if (shown !== -1) give(shown);
  shown = -1;
}

async function show(files: PhotoFiles): Promise<void> {
  // Taken before the other is left: showing the same one again keeps it open.
  const taken = take(files);
  leave();
  shown = files.photo;
  const request = showing;
  try {
    const photo = await taken;
    if (request !== showing) return;
    const { width, height } = photo;
    const blurry = await photo.preview("blurry");
    const restored = photo.hasResult ? await photo.preview("restored") : null;
    say({ type: "shown", photo: files.photo, width, height, blurry, restored });
  } catch (error) {
    if (request !== showing) return;
    leave();
    throw error;
  }
}

async function restore(id: number, file: Blob): Promise<void> {
  working = id;
  stop = false;
  try {
    const photo = await take({ photo: id, file, restored: null });
    const started = performance.now();
    const loaded = await engine!;
    const { runsOn } = loaded;
    const changes = await restorePhoto(loaded, photo, {
      cancelled: () => stop,
      progress: (done, total) => say({ type: "progress", photo: id, done, total }),
      changed: async (area) => {
        if (shown === id) say({ type: "part", photo: id, ...(await photo.previewPart(area)) });
      },
    });
    if (loaded.runsOn !== runsOn) say({ type: "ready", runsOn: loaded.runsOn });
    if (changes === null) {
      say({ type: "cancelled", photo: id });
      return;
    }
    const seconds = (performance.now() - started) / 1000;
    const [before, after] = [photo.blur("blurry"), photo.blur("restored")];
    const restored = await photo.restoredFile();
    const preview = shown === id ? await photo.preview("restored") : null;
    say({ type: "restored", photo: id, outcome: { restored, seconds, before, after, changes: changes.cells }, preview });
  } finally {
    working = -1;
    give(id);
  }
}

function problemOf(message: ToWorker, error: unknown): Problem {
  // The page has measured the photo, so the file is valid: if it cannot be decoded or
  // encoded now, the reason is a lack of memory.
  if (message.type === "show" || message.type === "encode") return "memory";
  return /memory|alloc|RangeError|out of bounds|InvalidStateError|EncodingError/i.test(`${error}`) ? "memory" : "engine";
}
