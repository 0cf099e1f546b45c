/** The page's controller: user actions, messages from the worker, and what is shown. */

import type { FromWorker, SaveFormat, ToWorker } from "../core/protocol.ts";
import { CompareView } from "./compare_view.ts";
import * as messages from "./messages.ts";
import { keepOffline } from "./offline.ts";
import { download, measure, mostPixels, photoIn, savedName } from "./photo_file.ts";

/** Longest side, in pixels, of the previews that the page itself holds. */
const PREVIEW_SIDE = 2048;

type Stage = "opening" | "opened" | "working" | "restored";

const element = <T extends HTMLElement = HTMLElement>(id: string) =>
  document.getElementById(id) as T;
const status = element("status");
const progress = element<HTMLProgressElement>("progress");

let worker: Worker | null = null;
let photo = 0;
let photoName = "";
let started = 0;
let detailRequest = 0;
let awake: Promise<WakeLockSentinel> | null = null;
const view = new CompareView(element("view"), (area, width, height) =>
  ask({ type: "detail", photo, request: ++detailRequest, area, width, height }),
);

function ask(message: ToWorker): void {
  worker?.postMessage(message);
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
  if (message.photo !== photo) {
    closeBitmaps(message);
    return;
  }
  switch (message.type) {
    case "opened":
      view.open(message.width, message.height, message.preview);
      element("size").textContent = `${message.width} × ${message.height}`;
      restore();
      break;
    case "part":
      view.addPart(message.part, message.area);
      break;
    case "progress":
      showProgress(message.done, message.total);
      break;
    case "restored":
      view.compare(message.preview);
      setStage("restored", messages.restoredText(message.seconds));
      break;
    case "cancelled":
      view.startOver();
      setStage("opened", "Stopped.");
      break;
    case "detail":
      if (message.request === detailRequest) view.showDetail(message);
      else closeBitmaps(message);
      break;
    case "encoded":
      saved(message.file);
      break;
    case "problem":
      showProblem(messages.PROBLEMS[message.problem]);
      if (document.body.dataset["stage"] === "opening") {
        showStart();
      } else {
        view.startOver();
        setStage("opened", "");
      }
  }
}

function closeBitmaps(message: FromWorker): void {
  for (const value of Object.values(message)) {
    if (value instanceof ImageBitmap) value.close();
  }
}

// ---- user actions ----

async function open(file: Blob, name: string): Promise<void> {
  hideProblem();
  const id = ++photo;
  const size = await measure(file);
  if (id !== photo) return;
  const most = mostPixels();
  if (size === null || size.width * size.height > most) {
    showStart();
    showProblem(size === null ? messages.NOT_A_PHOTO : messages.tooLarge(size.width, size.height, most));
    return;
  }
  photoName = name;
  element("name").textContent = name;
  element("size").textContent = "";
  view.close();
  show("work");
  setStage("opening", "Opening the photo…");
  ask({ type: "open", photo: id, file, previewSide: PREVIEW_SIDE });
}

function restore(): void {
  hideProblem();
  view.startOver();
  started = performance.now();
  setStage("working", "Deblurring…");
  ask({ type: "restore", photo });
}

function showStart(): void {
  ++photo;
  ask({ type: "close" });
  void keepAwake(false);
  view.close();
  show("start");
}

function saved(file: Blob): void {
  const name = savedName(photoName, file.type as SaveFormat);
  download(file, name);
  element<HTMLButtonElement>("save").disabled = false;
  status.textContent = `Saved as ${name}.`;
}

// ---- display ----

function show(screen: "start" | "work"): void {
  document.body.dataset["screen"] = screen;
  element("start").hidden = screen !== "start";
  element("work").hidden = screen !== "work";
}

function setStage(stage: Stage, text: string): void {
  document.body.dataset["stage"] = stage;
  status.setAttribute("aria-live", "polite");
  status.textContent = text;
  void keepAwake(stage === "working");
  const working = stage === "opening" || stage === "working";
  const held = document.activeElement;
  progress.hidden = !working;
  if (working) progress.removeAttribute("value");
  element("cancel").hidden = stage !== "working";
  element("restore").hidden = stage !== "opened";
  element("save-group").hidden = stage !== "restored";
  element<HTMLButtonElement>("save").disabled = false;
  // A focused button that is hidden would lose the keyboard focus: give it to the view.
  if (held?.closest(".dock [hidden]")) element("view").focus({ preventScroll: true });
}

function showProgress(done: number, total: number): void {
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
    "WebAssembly" in window &&
    WebAssembly.validate(new Uint8Array(simd)) &&
    new OffscreenCanvas(1, 1).getContext("2d") !== null
  );
}

function listen(): void {
  for (const id of ["choose", "take"]) {
    const input = element<HTMLInputElement>(id);
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) void open(file, file.name);
      // So that choosing the same file again fires a change event.
      input.value = "";
    });
  }
  for (const card of document.querySelectorAll<HTMLElement>("[data-sample]")) {
    card.addEventListener("click", async () => {
      const file = card.dataset["sample"]!;
      const response = await fetch(file);
      void open(await response.blob(), file.replace(/^.*\//, ""));
    });
  }
  element("back").addEventListener("click", () => {
    showStart();
    element("choose").focus();
  });
  element("cancel").addEventListener("click", () => {
    status.textContent = "Stopping…";
    ask({ type: "cancel", photo });
  });
  element("restore").addEventListener("click", restore);
  element("save").addEventListener("click", () => {
    element<HTMLButtonElement>("save").disabled = true;
    status.textContent = "Writing the file…";
    const format = element<HTMLSelectElement>("format").value as SaveFormat;
    ask({ type: "encode", photo, format });
  });
  element("problem-close").addEventListener("click", hideProblem);
  document.addEventListener("paste", ({ clipboardData }) => {
    const file = photoIn(clipboardData);
    if (file) void open(file, file.name);
  });
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
    const file = photoIn(event.dataTransfer);
    if (file) void open(file, file.name);
  });
}

async function main(): Promise<void> {
  if (isOldBrowser()) {
    showEngine("failed", "Cannot run");
    showProblem(messages.OLD_BROWSER);
    element("start").inert = true;
    return;
  }
  listen();
  await keepOffline();
  worker = new Worker("worker.js");
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => heard(data);
  worker.onerror = () => heard({ type: "problem", photo: null, problem: "engine", detail: "" });
  const wanted = new URLSearchParams(location.search).get("accelerator");
  ask({ type: "start", accelerator: wanted === "webgpu" || wanted === "wasm" ? wanted : "auto" });
}

void main();
