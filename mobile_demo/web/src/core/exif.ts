/**
 * EXIF blocks: TIFF files without an image, from the byte order on.
 *
 * They are corrected in place, because the offsets inside of them (the camera's own notes
 * have some that only the camera knows) must stay right. What is damaged is left out.
 */

/** Horizontal and vertical, in pixels per metre. */
export interface Resolution {
  x: number;
  y: number;
}

const ORIENTATION = 0x0112;
const [X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT] = [0x011a, 0x011b, 0x0128];
const [THUMBNAIL, THUMBNAIL_LENGTH] = [0x0201, 0x0202];
const EXIF_DIRECTORY = 0x8769;
const [WIDTH, HEIGHT] = [0xa002, 0xa003];
const [SHORT, LONG, RATIONAL] = [3, 4, 5];
const INCH = 0.0254;

interface Entry {
  /** Offset of the entry itself: tag, type, count, and the value or its offset. */
  at: number;
  type: number;
}

class Block {
  private readonly view: DataView;
  readonly little: boolean;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.little = bytes[0] === 0x49;
    const order = this.little ? 0x4949 : 0x4d4d;
    if (bytes.length < 14 || this.view.getUint16(0) !== order || this.short(2) !== 42) {
      throw new RangeError("Expected an EXIF block. Received: other bytes");
    }
  }

  short(at: number): number {
    return this.view.getUint16(at, this.little);
  }

  long(at: number): number {
    return this.view.getUint32(at, this.little);
  }

  setLong(at: number, value: number): void {
    this.view.setUint32(at, value, this.little);
  }

  /** The entries of the directory at an offset, by tag, and where the next one's offset stands. */
  directory(at: number): { entries: Map<number, Entry>; next: number } {
    const count = this.short(at);
    const next = at + 2 + 12 * count;
    if (next > this.bytes.length) throw new RangeError("Expected a directory. Received: a part of one");
    const entries = new Map<number, Entry>();
    for (let entry = at + 2; entry < next; entry += 12) {
      entries.set(this.short(entry), { at: entry, type: this.short(entry + 2) });
    }
    return { entries, next };
  }

  integer(entry: Entry | undefined): number | null {
    if (entry?.type === SHORT) return this.short(entry.at + 8);
    return entry?.type === LONG ? this.long(entry.at + 8) : null;
  }

  setInteger(entry: Entry | undefined, value: number): void {
    if (entry?.type === SHORT) this.view.setUint16(entry.at + 8, value, this.little);
    else if (entry?.type === LONG) this.setLong(entry.at + 8, value);
  }

  rational(entry: Entry | undefined): number | null {
    if (entry?.type !== RATIONAL) return null;
    const at = this.long(entry.at + 8);
    if (at + 8 > this.bytes.length) return null;
    const value = this.long(at) / this.long(at + 4);
    return Number.isFinite(value) && value > 0 ? value : null;
  }
}

/**
 * The EXIF block of the restored photo: upright, of its size, and without the thumbnail,
 * which shows the blurry one.
 *
 * @returns null if the block is damaged.
 */
export function uprightExif(exif: Uint8Array, width: number, height: number): Uint8Array | null {
  try {
    const block = new Block(exif.slice());
    const { entries, next } = block.directory(block.long(4));
    block.setInteger(entries.get(ORIENTATION), 1);
    if (next + 4 <= exif.length) {
      const second = block.long(next);
      block.setLong(next, 0);
      if (second !== 0) erase(block, second);
    }
    const details = block.integer(entries.get(EXIF_DIRECTORY));
    if (details !== null) {
      const inner = block.directory(details).entries;
      block.setInteger(inner.get(WIDTH), width);
      block.setInteger(inner.get(HEIGHT), height);
    }
    return block.bytes;
  } catch {
    return null;
  }
}

/** Overwrites the thumbnail that a directory describes; a damaged one has none. */
function erase(block: Block, directory: number): void {
  try {
    const { entries } = block.directory(directory);
    const start = block.integer(entries.get(THUMBNAIL));
    const length = block.integer(entries.get(THUMBNAIL_LENGTH));
    // Not what stands before it, such as the tags of a block that lies.
    if (start !== null && length !== null && start > directory) block.bytes.fill(0, start, start + length);
  } catch {
    // No thumbnail to erase.
  }
}

/** The resolution that an EXIF block states. */
export function exifResolution(exif: Uint8Array): Resolution | null {
  try {
    const block = new Block(exif);
    const { entries } = block.directory(block.long(4));
    const [x, y] = [block.rational(entries.get(X_RESOLUTION)), block.rational(entries.get(Y_RESOLUTION))];
    const unit = block.integer(entries.get(RESOLUTION_UNIT)) ?? 2;
    const metres = unit === 2 ? INCH : unit === 3 ? 0.01 : null;
    return x === null || y === null || metres === null ? null : { x: x / metres, y: y / metres };
  } catch {
    return null;
  }
}

/** An EXIF block that states a resolution and nothing else: WebP has no other place for it. */
export function resolutionExif({ x, y }: Resolution): Uint8Array {
  const bytes = new Uint8Array(8 + 2 + 3 * 12 + 4 + 16);
  const view = new DataView(bytes.buffer);
  const values = 8 + 2 + 3 * 12 + 4;
  bytes.set([0x49, 0x49, 42, 0, 8, 0, 0, 0, 3, 0]);
  const entry = (index: number, tag: number, type: number, value: number) => {
    const at = 10 + 12 * index;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, 1, true);
    view.setUint32(at + 8, value, true);
  };
  entry(0, X_RESOLUTION, RATIONAL, values);
  entry(1, Y_RESOLUTION, RATIONAL, values + 8);
  entry(2, RESOLUTION_UNIT, SHORT, 2);
  for (const [i, value] of [x, y].entries()) {
    view.setUint32(values + 8 * i, Math.min(Math.round(value * INCH * 1000), 0xffffffff), true);
    view.setUint32(values + 8 * i + 4, 1000, true);
  }
  return bytes;
}
