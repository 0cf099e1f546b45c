/** Every message of the page that changes while it is used. */

import type { Problem, RunsOn } from "../core/protocol.ts";

export interface Message {
  title: string;
  text: string;
}

export const OLD_BROWSER: Message = {
  title: "This browser is too old for this page.",
  text: "It needs Chrome or Edge 92, Firefox 105, Safari 16.4 or later. Please update the browser; on an iPhone, update iOS.",
};

export const NOT_A_PHOTO: Message = {
  title: "This file cannot be opened as a photo.",
  text: "It may be damaged, or in a format that this browser cannot read (often HEIC or RAW). JPEG, PNG and WebP work everywhere.",
};

export function tooLarge(width: number, height: number, mostPixels: number): Message {
  return {
    title: "This photo is too large for this device.",
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

export function runsOnText({ accelerator, threads }: RunsOn): string {
  if (accelerator === "webgpu") return "Runs on WebGPU";
  return threads === 1 ? "Runs on CPU" : `Runs on CPU, ${threads} threads`;
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

export function restoredText(seconds: number): string {
  return seconds < 10
    ? `Done in ${seconds.toFixed(1)} seconds. Drag to compare.`
    : `Done in ${Math.round(seconds)} seconds. Drag to compare.`;
}

function megapixels(pixels: number): string {
  return `${Math.round(pixels / 1e6)}`;
}
