/** Every message of the page that changes while it is used. */

import { blurLevel, hardlyImproved } from "../core/blur.ts";
import type { Outcome, Problem, RunsOn } from "../core/protocol.ts";
import type { PhotoQueue, QueuedPhoto, State } from "./photo_queue.ts";

export interface Message {
  title: string;
  text: string;
}

export const OLD_BROWSER: Message = {
  title: "This browser is too old for this page.",
  text: "It needs Chrome or Edge 92, Firefox 113, Safari 16.4 or later. Please update the browser; on an iPhone, update iOS.",
};

/** @param names of the files; the others are opened. */
export function notPhotos(names: string[]): Message {
  const one = names.length === 1;
  return {
    title: one ? `“${names[0]}” cannot be opened as a photo.` : `${names.length} files cannot be opened as photos.`,
    text: `${one ? "It" : `Each (${names.join(", ")})`} may be damaged, or in a format that this browser cannot read (often HEIC or RAW). JPEG, PNG and WebP work everywhere.`,
  };
}

export function tooLarge(name: string, width: number, height: number, mostPixels: number): Message {
  return {
    title: `“${name}” is too large for this device.`,
    text: `It has ${megapixels(width * height)} megapixels (${width} × ${height}), and this device can hold about ${megapixels(mostPixels)}. Save a smaller copy and choose that.`,
  };
}

export const PROBLEMS: Record<Problem, Message> = {
  engine: {
    title: "The network could not be run.",
    text: "Check your connection and reload the page. If that does not help, try another browser.",
  },
  memory: {
    title: "There is not enough memory for this photo.",
    text: "Close other tabs and apps and try again, or choose a smaller copy of the photo.",
  },
};

export function runsOnText({ accelerator, threads, model }: RunsOn): string {
  if (accelerator === "webgpu") return "Runs on WebGPU";
  const kind = model === "int8" ? ", int8" : "";
  return (threads === 1 ? "Runs on CPU" : `Runs on CPU, ${threads} threads`) + kind;
}

/** @param before how many photos are restored before this one. */
export function waitingText(before: number): string {
  return before === 0 ? "Getting ready…" : `Waiting for ${photos(before)} before it.`;
}

const STATES: Record<State, string> = {
  waiting: "waiting",
  working: "restoring",
  restored: "restored",
  stopped: "stopped",
  failed: "failed",
};

/** The state of a photo in a word or two. */
export function stateText({ state, done, total, saved }: QueuedPhoto): string {
  if (state === "working") return `${Math.round((100 * done) / Math.max(1, total))}%`;
  return saved ? "saved" : STATES[state];
}

/** What there is to come back to. */
export function queueText(queue: PhotoQueue): string {
  const { length } = queue.photos;
  const unsaved = queue.unsaved.length;
  const parts = [`${queue.restored.length} of ${photos(length)} restored`];
  if (unsaved > 0) parts.push(`${unsaved} not saved yet`);
  return `${parts.join(", ")}.`;
}

function photos(count: number): string {
  return count === 1 ? "1 photo" : `${count} photos`;
}

export function workingText(done: number, total: number, secondsLeft: number | null): string {
  const tile = `Tile ${Math.min(done + 1, total)} of ${total}`;
  return secondsLeft === null ? tile : `${tile}, ${timeText(secondsLeft)} left`;
}

/** A time as a person would say it. */
export function timeText(seconds: number): string {
  if (seconds < 5) return "a few seconds";
  if (seconds < 55) return `about ${5 * Math.round(seconds / 5)} seconds`;
  const minutes = Math.max(1, Math.round(seconds / 60));
  return minutes === 1 ? "about a minute" : `about ${minutes} minutes`;
}

/** What was found and what came of it: restoring a photo is no news in itself. */
export function restoredText({ before, after, seconds }: Pick<Outcome, "before" | "after" | "seconds">): string {
  return `${verdict(before, after)} Took ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} seconds.`;
}

function verdict(before: number | null, after: number | null): string {
  const level = blurLevel(before);
  if (before === null) return "Too little detail to tell the blur.";
  if (level === "none") return "No blur found; hardly anything to restore.";
  const found = `${level === "mild" ? "Mild" : "Strong"} blur, ${pixels(before)}`;
  if (hardlyImproved(before, after)) return `${found}: hardly improved.`;
  return after === null ? `${found}.` : `${found}; now ${pixels(after)}.`;
}

function pixels(length: number): string {
  return `about ${length < 9.95 ? length.toFixed(1) : Math.round(length)} px`;
}

function megapixels(pixels: number): string {
  return `${Math.round(pixels / 1e6)}`;
}
