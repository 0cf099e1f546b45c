/** The page's controller: user actions, messages from the worker, and what is shown. */

import type { FromWorker, ModelKind, SaveFormat, ToWorker } from "../core/protocol.ts";
import { CompareView } from "./compare_view.ts";
import * as messages from "./messages.ts";
import { keepOffline } from "./offline.ts";
import { canShare, download, measure, mostPixels, photosIn, savedName, sharedPhotos, writableFormats } from "./photo_file.ts";
import { formatOf, PhotoQueue, type QueuedPhoto } from "./photo_queue.ts";
import { QueueList } from "./queue_list.ts";

type Screen = "start" | "work";

const element = <T extends HTMLElement = HTMLElement>(id: string) =>
  document.getElementById(id) as T;
const status = element("status");
const progress = element<HTMLProgressElement>("progress");
const strength = element<HTMLInputElement>("strength");

let worker: Worker | null = null;
/** What was asked before there was a worker: it starts once the page is kept offline. */
const unsent: ToWorker[] = [];
let started = 0;
let detailRequest = 0;
let awake: Promise<WakeLockSentinel> | null = null;
let writable: SaveFormat[] = ["image/jpeg", "image/png"];
/** The photo on the screen. */
let shown: QueuedPhoto | null = null;
/** Whether the worker has sent the pixels of the photo on the screen. */
let opened = false;
/** Files that are being written, by request. */
const encoding = new Map<number, { resolve: (file: Blob) => void; reject: (error: Error) => void }>();
let encodeRequest = 0;
/** A file that waits for a second press: the first one's right to share had run out. */
let toShare: { photo: QueuedPhoto; file: File } | null = null;

const queue = new PhotoQueue();
const list = new QueueList(element("queue"), showPhoto);
const view = new CompareView(element("view"), (area, width, height) => {
  if (shown) ask({ type: "detail", photo: shown.id, request: ++detailRequest, area, width, height });
});

function ask(message: ToWorker): void {
  if (worker) worker.postMessage(message);
  else unsent.push(message);
}

// ---- messages from the worker ----

function heard(message: FromWorker): void {
  if (message.type === "ready") {
    showEngine("ready", messages.runsOnText(message.runsOn));
    return;
  }
  if (message.type === "problem" && message.photo === null) {
    showEngine("failed", "Cannot run");
    showProblem(messages.PROBLEMS[message.problem]);
    return;
  }
  const photo = message.photo === null ? null : queue.find(message.photo);
  if (message.type === "encoded") {
    encoding.get(message.request)?.resolve(message.file);
    encoding.delete(message.request);
    return;
  }
  if (message.type === "problem" && message.during === "encode") {
    encodingFailed(message.detail);
    showProblem(messages.PROBLEMS[message.problem]);
    return;
  }
  if (!photo) {
    closeBitmaps(message);
    // A photo that was removed while it was restored: the next one can begin.
    const during = message.type === "problem" ? message.during : message.type;
    if (during === "restore" || during === "restored" || during === "cancelled") ended();
    return;
  }
  const isShown = photo === shown;
  switch (message.type) {
    case "shown":
      if (!isShown) return closeBitmaps(message);
      if (photo.outcome && !message.restored) {
        // It was opened before it was restored.
        closeBitmaps(message);
        return askToShow(photo);
      }
      opened = true;
      view.open(message.width, message.height, message.blurry, message.restored);
      view.setStrength(photo.strength);
      if (photo.outcome) view.compare(null, photo.outcome.changes);
      break;
    case "part":
      if (isShown && opened) view.addPart(message.part, message.area);
      else message.part.close();
      return;
    case "progress":
      [photo.done, photo.total] = [message.done, message.total];
      if (isShown) showProgress(photo);
      list.update(queue, shown);
      return;
    case "restored":
      photo.outcome = message.outcome;
      photo.state = "restored";
      if (!isShown || !opened) closeBitmaps(message);
      else if (message.preview) view.compare(message.preview, message.outcome.changes);
      else askToShow(photo);
      ended();
      break;
    case "cancelled":
      photo.state = "stopped";
      if (isShown) view.startOver();
      ended();
      break;
    case "detail":
      if (isShown && message.request === detailRequest) view.showDetail(message);
      else closeBitmaps(message);
      return;
    case "problem":
      failed(photo, message);
  }
  refresh();
}

function failed(photo: QueuedPhoto, { during, problem }: FromWorker & { type: "problem" }): void {
  showProblem(messages.PROBLEMS[problem]);
  if (during !== "restore") return;
  photo.state = "failed";
  if (photo === shown) view.startOver();
  ended();
}

/** Which of the files it is does not matter: memory is short for all. */
function encodingFailed(detail: string): void {
  for (const { reject } of encoding.values()) reject(new Error(detail));
  encoding.clear();
}

function closeBitmaps(message: FromWorker): void {
  for (const value of Object.values(message)) {
    if (value instanceof ImageBitmap) value.close();
  }
}

// ---- the queue ----

/** Adds what can be opened, says what cannot, and shows the first of the new photos. */
async function add(files: File[], isSample = false): Promise<void> {
  if (files.length === 0) return;
  hideProblem();
  const refused: string[] = [];
  let first: QueuedPhoto | null = null;
  for (const file of files) {
    const size = await measure(file);
    const most = mostPixels();
    if (size === null) {
      refused.push(file.name);
    } else if (size.width * size.height > most) {
      showProblem(messages.tooLarge(file.name, size.width, size.height, most));
    } else {
      const photo = queue.add({ file, name: file.name, ...size, isSample });
      first ??= photo;
      void list.addThumbnail(photo);
      if (photo === first) showPhoto(photo);
      restoreNext();
    }
  }
  if (refused.length > 0) showProblem(messages.notPhotos(refused));
  refresh();
}

function restoreNext(): void {
  const photo = queue.next();
  if (!photo || restoring) return;
  restoring = true;
  photo.state = "working";
  [photo.done, photo.total] = [0, 0];
  started = performance.now();
  ask({ type: "restore", photo: photo.id, file: photo.file });
  refresh();
}

/** Whether the worker is restoring: also a photo that was removed meanwhile. */
let restoring = false;

function ended(): void {
  restoring = false;
  restoreNext();
}

/** Shows a photo of the queue. */
function showPhoto(photo: QueuedPhoto): void {
  if (photo !== shown) {
    shown = photo;
    toShare = null;
    view.close();
    askToShow(photo);
  }
  go("work");
  refresh();
}

function askToShow(photo: QueuedPhoto): void {
  opened = false;
  ask({ type: "show", photo: photo.id, file: photo.file, restored: photo.outcome?.restored ?? null });
}

async function remove(): Promise<void> {
  const photo = shown;
  if (!photo) return;
  if (queue.unsaved.includes(photo) && !(await confirmed(photo.name))) return;
  if (photo.state === "working") ask({ type: "cancel", photo: photo.id });
  const next = queue.remove(photo);
  list.forget(photo);
  if (next) {
    showPhoto(next);
    element("name").focus({ preventScroll: true });
  } else {
    shown = null;
    view.close();
    ask({ type: "hide" });
    go("start");
  }
  refresh();
}

/** Asks before a restored photo is thrown away. */
function confirmed(name: string): Promise<boolean> {
  const dialog = element<HTMLDialogElement>("confirm");
  element("confirm-text").textContent = `The restored photo “${name}” is not saved.`;
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "remove"), { once: true });
  });
}

// ---- saving ----

/** The restored photo at its strength, as a file. */
async function encoded(photo: QueuedPhoto): Promise<File> {
  const chosen = element<HTMLSelectElement>("format").value as SaveFormat | "own";
  const format = formatOf(photo, chosen === "own" ? null : chosen, writable);
  const request = ++encodeRequest;
  const { id, file, strength } = photo;
  ask({ type: "encode", photo: id, request, file, restored: photo.outcome!.restored, format, strength });
  const written = await new Promise<Blob>((resolve, reject) => encoding.set(request, { resolve, reject }));
  return new File([written], savedName(photo.name, format), { type: format });
}

/** Saves photos one after the other; what cannot be written is said, and the rest is. */
async function save(photos: QueuedPhoto[]): Promise<void> {
  setBusy(true);
  let name = "";
  let count = 0;
  for (const [i, photo] of photos.entries()) {
    status.textContent = photos.length === 1 ? "Writing the file…" : `Writing file ${i + 1} of ${photos.length}…`;
    try {
      const { strength } = photo;
      const file = await encoded(photo);
      download(file);
      // What was changed meanwhile is not in the file.
      photo.saved = photo.strength === strength;
      name = file.name;
      count++;
    } catch (error) {
      console.warn(error);
    }
  }
  setBusy(false);
  refresh();
  if (count > 0) status.textContent = photos.length === 1 ? `Saved as ${name}.` : `Saved ${count} photos.`;
}

async function share(photo: QueuedPhoto): Promise<void> {
  setBusy(true);
  const { strength } = photo;
  try {
    if (toShare?.photo !== photo) {
      status.textContent = "Writing the file…";
      toShare = { photo, file: await encoded(photo) };
    }
    await navigator.share({ files: [toShare.file] });
    photo.saved = photo.strength === strength;
    toShare = null;
    refresh();
    status.textContent = "Shared.";
  } catch (error) {
    refresh();
    // Writing a large file may take longer than a press allows to share.
    if ((error as Error).name === "NotAllowedError") status.textContent = "The file is ready. Press Share again.";
    else toShare = null;
  } finally {
    setBusy(false);
  }
}

function setBusy(busy: boolean): void {
  for (const id of ["save", "save-all", "share"]) element<HTMLButtonElement>(id).disabled = busy;
}

// ---- display ----

/** Changes the screen, with a history entry: the back button returns to the start. */
/** Where to be once the browser has gone back, which it does a moment later. */
let next: Screen | null = null;

function go(screen: Screen): void {
  if (next) {
    next = screen;
    return;
  }
  if (document.body.dataset["screen"] === screen) return;
  if (screen === "work") history.pushState({ screen }, "");
  else if (history.state?.screen === "work") {
    next = screen;
    return history.back();
  }
  show(screen);
}

function show(screen: Screen): void {
  document.body.dataset["screen"] = screen;
  element("start").hidden = screen !== "start";
  element("work").hidden = screen !== "work";
  // Where a screen reader and the keyboard continue.
  element(screen === "start" ? "headline" : "name").focus({ preventScroll: true });
  window.scrollTo(0, 0);
  refresh();
}

/** Shows the state of the queue and of the photo on the screen. */
function refresh(): void {
  list.update(queue, shown);
  const several = queue.photos.length > 1;
  element("photos").hidden = !several;
  element("resume").hidden = queue.photos.length === 0;
  element("resume-text").textContent = queue.photos.length === 0 ? "" : messages.queueText(queue);
  void keepAwake(restoring);
  // The text is what older browsers ask for; none shows it.
  window.onbeforeunload = queue.isAtRisk ? () => "Photos are not saved." : null;
  if (!shown) return;
  const { state, name, width, height } = shown;
  document.body.dataset["stage"] = opened || state === "failed" ? state : "opening";
  element("name").textContent = name;
  element("size").textContent = `${width} × ${height}`;
  const held = document.activeElement;
  const working = state === "working" || state === "waiting";
  progress.hidden = !working;
  element("cancel").hidden = state !== "working";
  element("restore").hidden = state !== "stopped" && state !== "failed";
  element("save-group").hidden = state !== "restored";
  element("strength-group").hidden = state !== "restored";
  element("save-all").hidden = !several || queue.restored.length < 2;
  strength.value = `${Math.round(100 * shown.strength)}`;
  element("strength-value").textContent = `${strength.value}%`;
  if (state === "working") {
    showProgress(shown);
  } else {
    progress.removeAttribute("value");
    say(statusText(shown));
  }
  // A focused button that is hidden would lose the keyboard focus: give it to the view.
  if (held?.closest(".dock [hidden]")) element("view").focus({ preventScroll: true });
}

function statusText(photo: QueuedPhoto): string {
  switch (photo.state) {
    case "waiting":
      return messages.waitingText(queue.before(photo));
    case "restored":
      return messages.restoredText(photo.outcome!);
    case "stopped":
      return "Stopped.";
    default:
      return "";
  }
}

/** Announced, unless it is said already. */
function say(text: string): void {
  status.setAttribute("aria-live", "polite");
  if (status.textContent !== text) status.textContent = text;
}

function showProgress({ done, total }: QueuedPhoto): void {
  if (total === 0) {
    progress.removeAttribute("value");
    return say("Deblurring…");
  }
  const seconds = (performance.now() - started) / 1000;
  const left = done === 0 ? null : (seconds / done) * (total - done);
  progress.value = done / total;
  // Not announced tile by tile; a screen reader can query the progress bar.
  status.setAttribute("aria-live", "off");
  status.textContent = messages.workingText(done, total, left);
}

/** Keeps the screen awake while working: a sleeping phone suspends the page. */
async function keepAwake(working: boolean): Promise<void> {
  const held = awake;
  try {
    if (working) {
      awake ??= navigator.wakeLock?.request("screen") ?? null;
      await awake;
    } else {
      awake = null;
      await (await held)?.release();
    }
  } catch (error) {
    console.debug("The screen may go dark.", error);
  }
}

function showEngine(state: "ready" | "failed", text: string): void {
  element("engine").dataset["state"] = state;
  element("engine-text").textContent = text;
}

function showProblem({ title, text }: messages.Message): void {
  element("problem-title").textContent = title;
  element("problem-text").textContent = text;
  element("problem").hidden = false;
}

function hideProblem(): void {
  element("problem").hidden = true;
}

// ---- start-up ----

/** LiteRT needs WebAssembly SIMD; the worker needs an OffscreenCanvas. */
function isOldBrowser(): boolean {
  // A WebAssembly module whose only function returns a v128 of zeros.
  const simd = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
  return !(
    "Worker" in window &&
    "OffscreenCanvas" in window &&
    "createImageBitmap" in window &&
    "DecompressionStream" in window &&
    "WebAssembly" in window &&
    WebAssembly.validate(new Uint8Array(simd)) &&
    new OffscreenCanvas(1, 1).getContext("2d") !== null
  );
}

function listen(): void {
  for (const id of ["choose", "take", "add"]) {
    const input = element<HTMLInputElement>(id);
    input.addEventListener("change", () => {
      const files = [...(input.files ?? [])];
      // So that choosing the same file again fires a change event.
      input.value = "";
      void add(files);
    });
  }
  for (const card of document.querySelectorAll<HTMLElement>("[data-sample]")) {
    card.addEventListener("click", async () => {
      const sample = card.dataset["sample"]!;
      const content = await (await fetch(sample)).blob();
      void add([new File([content], sample.replace(/^.*\//, ""), { type: content.type })], true);
    });
  }
  element("back").addEventListener("click", () => go("start"));
  element("resume-button").addEventListener("click", () => go("work"));
  element("remove").addEventListener("click", () => void remove());
  for (const answer of ["keep", "remove"]) {
    element(`confirm-${answer}`).addEventListener("click", () => element<HTMLDialogElement>("confirm").close(answer));
  }
  window.addEventListener("popstate", () => {
    const asked = next;
    next = null;
    show(history.state?.screen === "work" && shown ? "work" : "start");
    if (asked) go(asked);
  });
  element("cancel").addEventListener("click", () => {
    if (!shown) return;
    status.textContent = "Stopping…";
    ask({ type: "cancel", photo: shown.id });
  });
  element("restore").addEventListener("click", () => {
    if (!shown) return;
    hideProblem();
    shown.state = "waiting";
    if (!opened) askToShow(shown);
    restoreNext();
    refresh();
  });
  strength.addEventListener("input", () => {
    if (!shown) return;
    shown.strength = Number(strength.value) / 100;
    shown.saved = false;
    toShare = null;
    view.setStrength(shown.strength);
    refresh();
  });
  element("save").addEventListener("click", () => void save(shown ? [shown] : []));
  element("save-all").addEventListener("click", () => void save(queue.restored));
  element("share").hidden = !canShare();
  element("share").addEventListener("click", () => {
    if (shown) void share(shown);
  });
  element("problem-close").addEventListener("click", () => {
    hideProblem();
    element(document.body.dataset["screen"] === "work" ? "name" : "headline").focus({ preventScroll: true });
  });
  document.addEventListener("paste", ({ clipboardData }) => void add(photosIn(clipboardData)));
  const drop = element("drop");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) drop.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.hidden = true;
    void add(photosIn(event.dataTransfer));
  });
}

/** One of the choices that the address makes, or `auto`. */
function chosen<T extends string>(name: string, choices: readonly T[]): T | "auto" {
  const value = new URLSearchParams(location.search).get(name);
  return choices.find((choice) => choice === value) ?? "auto";
}

async function main(): Promise<void> {
  if (isOldBrowser()) {
    showEngine("failed", "Cannot run");
    showProblem(messages.OLD_BROWSER);
    element("start").inert = true;
    return;
  }
  // After a reload there is nothing to come back to.
  history.replaceState(null, "", location.search.includes("shared") ? "./" : undefined);
  listen();
  writable = await writableFormats();
  for (const option of element<HTMLSelectElement>("format").options) {
    option.hidden = option.disabled = option.value !== "own" && !writable.includes(option.value as SaveFormat);
  }
  await keepOffline();
  worker = new Worker("worker.js");
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => heard(data);
  worker.onerror = () => heard({ type: "problem", photo: null, during: null, problem: "engine", detail: "" });
  ask({
    type: "start",
    accelerator: chosen("accelerator", ["webgpu", "wasm"] as const),
    model: chosen<ModelKind>("model", ["float16", "int8"]),
  });
  for (const message of unsent.splice(0)) ask(message);
  if (navigator.serviceWorker) void add(await sharedPhotos());
}

void main();
