/** The photos of the queue as a row of buttons with thumbnails. */

import { stateText } from "./messages.ts";
import type { PhotoQueue, QueuedPhoto } from "./photo_queue.ts";

/** Height of a thumbnail in its own pixels: twice that of its place. */
const THUMBNAIL_HEIGHT = 112;

interface Entry {
  item: HTMLLIElement;
  button: HTMLButtonElement;
  thumbnail: HTMLCanvasElement;
  state: HTMLElement;
}

export class QueueList {
  private readonly entries = new Map<QueuedPhoto, Entry>();
  private current: QueuedPhoto | null = null;
  /** Thumbnails are made one after the other: each decodes a photo. */
  private thumbnails: Promise<void> = Promise.resolve();

  constructor(
    private readonly root: HTMLElement,
    private readonly choose: (photo: QueuedPhoto) => void,
  ) {}

  update(queue: PhotoQueue, shown: QueuedPhoto | null): void {
    for (const photo of queue.photos) {
      const { button, state } = this.entries.get(photo) ?? this.create(photo);
      const text = stateText(photo);
      if (state.textContent !== text) state.textContent = text;
      button.setAttribute("aria-label", `${photo.name}, ${text}`);
      button.dataset["state"] = photo.saved ? "saved" : photo.state;
      if (photo === shown) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    if (shown !== this.current) {
      this.current = shown;
      if (shown) this.entries.get(shown)?.item.scrollIntoView({ block: "nearest", inline: "center" });
    }
  }

  addThumbnail(photo: QueuedPhoto): Promise<void> {
    const { thumbnail } = this.entries.get(photo) ?? this.create(photo);
    const draw = async () => {
      if (!this.entries.has(photo)) return;
      try {
        const bitmap = await createImageBitmap(photo.file, {
          imageOrientation: "from-image",
          resizeHeight: THUMBNAIL_HEIGHT,
          resizeQuality: "medium",
        });
        [thumbnail.width, thumbnail.height] = [bitmap.width, bitmap.height];
        thumbnail.getContext("2d")!.drawImage(bitmap, 0, 0);
        bitmap.close();
      } catch (error) {
        console.debug("No thumbnail.", error);
      }
    };
    return (this.thumbnails = this.thumbnails.then(draw));
  }

  forget(photo: QueuedPhoto): void {
    this.entries.get(photo)?.item.remove();
    this.entries.delete(photo);
  }

  private create(photo: QueuedPhoto): Entry {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const thumbnail = document.createElement("canvas");
    const state = document.createElement("span");
    button.append(thumbnail, state);
    button.addEventListener("click", () => this.choose(photo));
    item.append(button);
    this.root.append(item);
    const entry = { item, button, thumbnail, state };
    this.entries.set(photo, entry);
    return entry;
  }
}
