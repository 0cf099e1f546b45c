/** The photos of this visit, in the order in which they are restored. */

import type { Outcome, SaveFormat } from "../core/protocol.ts";

export type State = "waiting" | "working" | "restored" | "stopped" | "failed";

export interface QueuedPhoto {
  readonly id: number;
  readonly file: Blob;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** A sample of the page, which nobody can lose. */
  readonly isSample: boolean;
  state: State;
  /** Restored tiles, and all of them; 0 of 0 before the first message. */
  done: number;
  total: number;
  outcome: Outcome | null;
  /** 0 shows the original, 1 what the network gave. */
  strength: number;
  /** Whether it was saved or shared as it is shown. */
  saved: boolean;
}

export class PhotoQueue {
  readonly photos: QueuedPhoto[] = [];
  private lastId = 0;

  add(photo: Pick<QueuedPhoto, "file" | "name" | "width" | "height" | "isSample">): QueuedPhoto {
    const queued: QueuedPhoto = {
      ...photo,
      id: ++this.lastId,
      state: "waiting",
      done: 0,
      total: 0,
      outcome: null,
      strength: 1,
      saved: false,
    };
    this.photos.push(queued);
    return queued;
  }

  find(id: number): QueuedPhoto | null {
    return this.photos.find((photo) => photo.id === id) ?? null;
  }

  /** The photo to restore now: none while another is being restored. */
  next(): QueuedPhoto | null {
    if (this.photos.some(({ state }) => state === "working")) return null;
    return this.photos.find(({ state }) => state === "waiting") ?? null;
  }

  /** How many photos are restored before this waiting one. */
  before(photo: QueuedPhoto): number {
    const place = this.photos.indexOf(photo);
    return this.photos.filter(
      ({ state }, i) => state === "working" || (state === "waiting" && i < place),
    ).length;
  }

  /** Removes a photo; returns the one that takes its place on the screen. */
  remove(photo: QueuedPhoto): QueuedPhoto | null {
    const place = this.photos.indexOf(photo);
    this.photos.splice(place, 1);
    return this.photos[Math.min(place, this.photos.length - 1)] ?? null;
  }

  get restored(): QueuedPhoto[] {
    return this.photos.filter(({ state }) => state === "restored");
  }

  /** Restored photos that would be lost with the page. */
  get unsaved(): QueuedPhoto[] {
    return this.restored.filter(({ saved, isSample }) => !saved && !isSample);
  }

  /** Whether leaving the page loses work. */
  get isAtRisk(): boolean {
    return (
      this.unsaved.length > 0 ||
      this.photos.some(({ state, isSample }) => !isSample && (state === "working" || state === "waiting"))
    );
  }
}

/**
 * The format in which a photo is saved: its own, if the browser writes that.
 *
 * @param chosen null for the photo's own.
 */
export function formatOf(photo: QueuedPhoto, chosen: SaveFormat | null, writable: readonly string[]): SaveFormat {
  if (chosen) return chosen;
  const own = photo.file.type;
  if (writable.includes(own)) return own as SaveFormat;
  // What had no loss keeps having none.
  return own === "image/webp" || own === "image/bmp" || own === "image/gif" ? "image/png" : "image/jpeg";
}
