/**
 * How blurred a photo is, without a sharp one: the length of the blur in pixels, as
 * specified in egnet_tf/metrics/blur.py, whose fitted parameters are built into the page.
 */

import fitted from "../../../../egnet_tf/metrics/blur.json";

/** Reads a part of a photo as RGBA bytes, `width` pixels a row. */
export type ReadWindow = (top: number, left: number, height: number, width: number) => Uint8ClampedArray;

export type BlurLevel = "none" | "mild" | "strong" | "unknown";

/** Lengths from which on a blur is mild, and strong. */
const [MILD, STRONG] = [3, 12];
/** A strong blur that is still so long afterwards, as a share, is hardly improved. */
const HARDLY = 0.75;
const WINDOW = 192;
const MOST_WINDOWS = 6;
const SMALLEST_SIDE = 48;
const STRAIGHT = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48];
const DIAGONAL = [1, 2, 3, 4, 5, 6, 8, 11, 17, 23, 34];
/** Rows down and columns to the right, for each direction. */
const OFFSETS: [number, number][][] = [
  STRAIGHT.map((s) => [0, s]),
  STRAIGHT.map((s) => [s, 0]),
  DIAGONAL.map((s) => [s, s]),
  DIAGONAL.map((s) => [s, -s]),
];
const [FIRST, LATER] = [1, 5];

/** The length in pixels, or null where the photo is too small or has too little detail. */
export function blurLength(read: ReadWindow, height: number, width: number): number | null {
  const { lengths, doubts } = windowLengths(read, height, width);
  const known = lengths
    .map((length, i) => ({ length, weight: Math.exp(-2 * doubts[i]!) }))
    .filter((_, i) => doubts[i]! <= fitted.doubt)
    .sort((one, other) => one.length - other.length);
  if (known.length === 0) return null;
  // Added in the order in which they are compared, as NumPy's sum of all is.
  const reached: number[] = [];
  for (const { weight } of known) reached.push((reached[reached.length - 1] ?? 0) + weight);
  return known[reached.findIndex((sum) => sum >= reached[reached.length - 1]! / 2)]!.length;
}

export function blurLevel(length: number | null): BlurLevel {
  if (length === null) return "unknown";
  return length < MILD ? "none" : length < STRONG ? "mild" : "strong";
}

/** Whether the blur was strong and is hardly shorter now. */
export function hardlyImproved(before: number | null, after: number | null): boolean {
  return before !== null && after !== null && before >= STRONG && after > HARDLY * before;
}

/** Each window's length in pixels, and how much log2 of it is in doubt. */
export function windowLengths(read: ReadWindow, height: number, width: number): { lengths: number[]; doubts: number[] } {
  const [lengths, doubts]: [number[], number[]] = [[], []];
  if (Math.min(height, width) < SMALLEST_SIDE) return { lengths, doubts };
  const [rows, columns] = [Math.min(height, WINDOW), Math.min(width, WINDOW)];
  for (const top of starts(height)) {
    for (const left of starts(width)) {
      const features = windowFeatures(luma(read(top, left, rows, columns)), rows, columns);
      const inputs = features.map((feature, i) => (feature - fitted.mean[i]!) / fitted.scale[i]!);
      const hidden = fitted.bias1.map((bias, k) =>
        Math.tanh(inputs.reduce((sum, input, i) => sum + input * fitted.weights1[i]![k]!, bias)),
      );
      const [log, doubt] = fitted.bias2.map((bias, k) =>
        hidden.reduce((sum, value, i) => sum + value * fitted.weights2[i]![k]!, bias),
      );
      lengths.push(2 ** log!);
      doubts.push(doubt!);
    }
  }
  return { lengths, doubts };
}

function starts(length: number): number[] {
  const room = length - Math.min(length, WINDOW);
  const count = Math.min(Math.ceil(length / WINDOW), MOST_WINDOWS);
  if (count === 1) return [Math.floor(room / 2)];
  return Array.from({ length: count }, (_, i) => Math.floor((i * room) / (count - 1)));
}

function luma(rgba: Uint8ClampedArray): Int32Array {
  return Int32Array.from({ length: rgba.length / 4 }, (_, i) =>
    (77 * rgba[4 * i]! + 150 * rgba[4 * i + 1]! + 29 * rgba[4 * i + 2]! + 128) >> 8,
  );
}

/** The 89 features of a window's luma. */
export function windowFeatures(luma: Int32Array, height: number, width: number): number[] {
  const longest = Math.floor(Math.min(height, width) / 2);
  // For the mean of |e| and for that of e^4, by direction and offset.
  const logs: [number[][], number[][]] = [[], []];
  for (const offsets of OFFSETS) {
    const found: [number[], number[]] = [[], []];
    for (const [i, [down, right]] of offsets.entries()) {
      if (Math.max(down, Math.abs(right)) > longest) {
        for (const row of found) row.push(row[i - 1]!);
        continue;
      }
      const [mean, fourth] = steps(luma, height, width, down, right);
      found[0].push(Math.log(mean + 0.25));
      found[1].push(Math.log(Math.sqrt(Math.sqrt(fourth)) + 0.25));
    }
    logs[0].push(found[0]);
    logs[1].push(found[1]);
  }
  for (const one of [0, 2]) {
    const rise = (direction: number) => logs[0][direction]![FIRST]! - logs[0][direction]![LATER]!;
    if (rise(one + 1) >= rise(one)) continue;
    for (const kind of logs) [kind[one], kind[one + 1]] = [kind[one + 1]!, kind[one]!];
  }
  const levels = logs.map((kind) => kind.reduce((sum, row) => sum + row[row.length - 1]!, 0) / kind.length);
  const features = logs.flatMap((kind, k) => kind.flatMap((row) => row.map((value) => value - levels[k]!)));
  return [...features, levels[0]!];
}

/** The means of |e| and of e^4 over the pairs at an offset; the sums are of integers. */
function steps(luma: Int32Array, height: number, width: number, down: number, right: number): [number, number] {
  let [sum, fourth, pairs] = [0, 0, 0];
  for (let y = 0; y + down < height; y++) {
    for (let x = Math.max(0, -right); x < width - Math.max(0, right); x++, pairs++) {
      const step = Math.abs(luma[(y + down) * width + x + right]! - luma[y * width + x]!);
      sum += step;
      fourth += step * step * step * step;
    }
  }
  return [sum / pairs, fourth / pairs];
}
