/** Restores a photo tile by tile, holding no more than one row of tiles in memory. */

import { ChangeMap } from "../core/changes.ts";
import { packTile, unpackRows } from "../core/pixels.ts";
import type { Rectangle } from "../core/protocol.ts";
import { TileGrid } from "../core/tiling.ts";
import type { Engine } from "./engine.ts";
import type { Photo } from "./photo.ts";

export interface Listener {
  /** Called before each tile; returning true stops the restoration. */
  cancelled(): boolean;
  progress(done: number, total: number): void;
  /** This area of the restored photo has new pixels. */
  changed(area: Rectangle): Promise<void>;
}

/** Returns where the photo changed; null if it was cancelled: then it has no result. */
export async function restorePhoto(
  engine: Engine,
  photo: Photo,
  listener: Listener,
): Promise<ChangeMap | null> {
  const { tile } = engine;
  const { width, height } = photo;
  // As in egnet_tf.Restorer: tiles overlap by a quarter of their side, at most 64
  // pixels, and photos smaller than a tile are padded.
  const overlap = Math.min(64, tile >> 2);
  const grid = new TileGrid(Math.max(height, tile), Math.max(width, tile), tile, overlap);
  const changes = new ChangeMap(width, height);
  let done = 0;
  class Cancelled extends Error {}

  const restoredTile = async (top: number, left: number) => {
    await messagesIn();
    if (listener.cancelled()) throw new Cancelled();
    const pixels = photo.pixels(top, left);
    const image = packTile(pixels.data, pixels.height, pixels.width, tile);
    const restored = await engine.restore(image);
    // Shown at once, unblended; the finished rows replace it later.
    const shown = unpackRows(restored, pixels.height, pixels.width, tile);
    changes.add(pixels.data, shown, top, left, pixels.width);
    photo.write(new ImageData(shown, pixels.width), top, left);
    await listener.changed({ x: left, y: top, width: pixels.width, height: pixels.height });
    listener.progress(++done, grid.tiles);
    return restored;
  };

  photo.startResult();
  listener.progress(0, grid.tiles);
  try {
    for await (const { top, rows, strip } of grid.blendedStrips(restoredTile)) {
      const inside = Math.min(rows, height - top);
      const pixels = unpackRows(strip, inside, width, grid.width);
      photo.write(new ImageData(pixels, width), top, 0);
      await listener.changed({ x: 0, y: top, width, height: inside });
    }
    return changes;
  } catch (error) {
    photo.dropResult();
    if (error instanceof Cancelled) return null;
    throw error;
  }
}

/** Lets pending messages be handled: the network keeps this thread busy. */
function messagesIn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
