/** The photo on the screen: blurry against restored, zoomed and moved. */

import { mostChanged } from "../core/changes.ts";
import type { Rectangle } from "../core/protocol.ts";
import { Camera } from "./camera.ts";

const ZOOM_STEP = 1.5;
const MOVE_STEP = 60;
/** A finger that rests for so long, in milliseconds, within so many pixels, asks for the original. */
const [HOLD_TIME, HOLD_DISTANCE] = [350, 8];

/** The visible area of both photos, at a higher resolution than their previews. */
interface Detail {
  area: Rectangle;
  blurry: ImageBitmap;
  restored: ImageBitmap | null;
}

export class CompareView {
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly range: HTMLInputElement;
  private readonly divider: HTMLElement;
  private readonly camera = new Camera();
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private dragging: "compare" | "move" | null = null;
  private readonly hold: HTMLButtonElement;
  private holdTimer = 0;
  private heldFrom = { x: 0, y: 0 };
  /** Whether only the original is shown. */
  private peeking = false;
  /** Opacity of the restored photo over the original. */
  private strength = 1;
  /** Whether the person has zoomed or moved this photo. */
  private touched = false;
  private blurry: ImageBitmap | null = null;
  /** The restored preview, as far as it has been computed. */
  private restored: HTMLCanvasElement | null = null;
  private working: Rectangle | null = null;
  private comparing = false;
  private detail: Detail | null = null;
  private photo = { width: 1, height: 1 };
  private frameRequest = 0;
  private detailTimer = 0;

  /**
   * @param wantDetail is called when the view comes to rest at a zoom that the preview
   *   cannot resolve, with the visible area and its size in screen pixels.
   */
  constructor(
    private readonly root: HTMLElement,
    private readonly wantDetail: (area: Rectangle, width: number, height: number) => void,
  ) {
    this.canvas = root.querySelector("canvas")!;
    this.context = this.canvas.getContext("2d")!;
    this.range = root.querySelector("input")!;
    this.divider = root.querySelector(".divider")!;
    this.hold = root.querySelector("[data-hold]")!;
    new ResizeObserver(() => this.resized()).observe(root);
    this.range.addEventListener("input", () => this.changed());
    root.addEventListener("keydown", (event) => this.keyPressed(event));
    root.addEventListener("wheel", (event) => this.wheelMoved(event), { passive: false });
    root.addEventListener("pointerdown", (event) => this.pointerDown(event));
    root.addEventListener("pointermove", (event) => this.pointerMoved(event));
    for (const end of ["pointerup", "pointercancel"] as const) {
      root.addEventListener(end, (event) => this.pointerUp(event));
    }
    root.addEventListener("dblclick", (event) => this.doubleClicked(event));
    this.listenToHold();
    for (const button of root.querySelectorAll<HTMLElement>("[data-zoom]")) {
      button.addEventListener("click", () => this.zoomButton(button.dataset["zoom"]!));
    }
  }

  /** Shows a photo, and its restored one as far as there is one. */
  open(width: number, height: number, blurry: ImageBitmap, restored: ImageBitmap | null): void {
    this.close();
    this.photo = { width, height };
    this.blurry = blurry;
    this.touched = false;
    this.resized();
    this.camera.setPhoto(this.photo);
    if (restored) this.addPart(restored, { x: 0, y: 0, width: restored.width, height: restored.height });
    this.working = null;
    this.changed();
  }

  close(): void {
    this.blurry?.close();
    this.blurry = null;
    this.startOver();
  }

  /** Discards the restored photo. */
  startOver(): void {
    if (this.restored) this.restored.width = this.restored.height = 0;
    this.restored = null;
    this.working = null;
    this.comparing = false;
    clearTimeout(this.holdTimer);
    this.peek(false);
    this.dropDetail();
    this.changed();
  }

  /** Draws a part of the restored preview. */
  addPart(part: ImageBitmap, area: Rectangle): void {
    if (!this.blurry) return;
    this.restored ??= Object.assign(document.createElement("canvas"), {
      width: this.blurry.width,
      height: this.blurry.height,
    });
    this.restored.getContext("2d")!.drawImage(part, area.x, area.y);
    part.close();
    this.working = area;
    this.changed();
  }

  /**
   * The restored photo is complete: from now on both are compared, where most changed.
   *
   * @param preview null if it is shown already.
   * @param changes of the cells of a `ChangeMap`.
   */
  compare(preview: ImageBitmap | null, changes: Float32Array): void {
    if (preview) this.addPart(preview, { x: 0, y: 0, width: preview.width, height: preview.height });
    this.working = null;
    this.comparing = true;
    this.range.value = "50";
    if (!this.touched) this.lookCloser(changes);
    // What was fetched before has no restored half.
    this.dropDetail();
    this.changed();
  }

  /** Changes of a few levels cannot be seen in a photo that is shown whole. */
  private lookCloser(changes: Float32Array): void {
    const whole = this.camera.wholeScale;
    if (whole >= 2) return;
    const area = mostChanged(changes, this.photo, this.camera.sizeAt(Math.max(1, 2 * whole)));
    if (area) this.camera.show(area);
  }

  /** Blends the restored photo with the original: 0 shows that alone. */
  setStrength(strength: number): void {
    this.strength = strength;
    this.changed();
  }

  showDetail(detail: Detail): void {
    this.dropDetail();
    this.detail = detail;
    this.draw();
  }

  private dropDetail(): void {
    this.detail?.blurry.close();
    this.detail?.restored?.close();
    this.detail = null;
  }

  private resized(): void {
    const { clientWidth, clientHeight } = this.root;
    if (clientWidth === 0 || clientHeight === 0) return;
    const density = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * density);
    this.canvas.height = Math.round(clientHeight * density);
    this.camera.resize({ width: clientWidth, height: clientHeight });
    this.changed();
  }

  /** Draws in the next frame and, once the view is at rest, asks for detail. */
  private changed(): void {
    this.frameRequest ||= requestAnimationFrame(() => {
      this.frameRequest = 0;
      this.draw();
    });
    clearTimeout(this.detailTimer);
    this.detailTimer = window.setTimeout(() => this.askForDetail(), 150);
  }

  private askForDetail(): void {
    const density = window.devicePixelRatio || 1;
    if (!this.blurry || this.blurry.width === this.photo.width) return;
    if (this.camera.scale * density <= this.blurry.width / this.photo.width) return;
    const area = this.camera.seen;
    // Never finer than the photo itself; beyond that, its pixels are drawn larger.
    const scale = Math.min(1, this.camera.scale * density);
    this.wantDetail(area, Math.ceil(area.width * scale), Math.ceil(area.height * scale));
  }

  // ---- drawing ----

  private get split(): number {
    return Number(this.range.value) / 100;
  }

  private draw(): void {
    const { context, canvas, camera } = this;
    const density = canvas.width / Math.max(1, this.root.clientWidth);
    const frame = camera.frame;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(density, 0, 0, density, 0, 0);
    // Large pixels are drawn unsmoothed, so that single ones can be seen.
    context.imageSmoothingEnabled = camera.scale * density < 4;
    context.imageSmoothingQuality = "high";
    this.showControls(frame);
    if (!this.blurry) return;

    const draw = (image: CanvasImageSource, area: Rectangle) =>
      context.drawImage(image, area.x, area.y, area.width, area.height);
    const detailArea = this.detail && camera.toView(this.detail.area);
    draw(this.blurry, frame);
    if (this.detail) draw(this.detail.blurry, detailArea!);
    if (this.restored && !this.peeking) {
      context.save();
      context.globalAlpha = this.strength;
      if (this.comparing) {
        const x = this.splitX;
        context.beginPath();
        context.rect(x, 0, this.root.clientWidth - x, this.root.clientHeight);
        context.clip();
      }
      draw(this.restored, frame);
      if (this.detail?.restored) {
        // On the original, not on the preview's blend.
        context.globalAlpha = 1;
        draw(this.detail.blurry, detailArea!);
        context.globalAlpha = this.strength;
        draw(this.detail.restored, detailArea!);
      }
      context.restore();
    }
    if (this.working && !this.peeking) this.outline(this.working, frame);
  }

  /** X position of the divider in the view, within the visible part of the photo. */
  private get splitX(): number {
    const { x, width } = this.camera.frame;
    const left = Math.max(0, x);
    const right = Math.min(this.root.clientWidth, x + width);
    return left + (right - left) * this.split;
  }

  private outline(area: Rectangle, frame: Rectangle): void {
    const scale = frame.width / this.blurry!.width;
    this.context.lineWidth = 2;
    this.context.strokeStyle = "rgb(255 255 255 / 90%)";
    this.context.shadowColor = "rgb(0 0 0 / 60%)";
    this.context.shadowBlur = 6;
    this.context.strokeRect(
      frame.x + area.x * scale + 1,
      frame.y + area.y * scale + 1,
      area.width * scale - 2,
      area.height * scale - 2,
    );
    this.context.shadowBlur = 0;
  }

  private showControls(frame: Rectangle): void {
    const query = <T extends HTMLElement>(selector: string) => this.root.querySelector<T>(selector)!;
    this.range.hidden = !this.comparing;
    this.divider.hidden = !this.comparing || this.peeking;
    this.hold.hidden = !this.comparing;
    this.divider.style.transform = `translateX(${this.splitX}px)`;
    this.divider.style.top = `${Math.max(0, frame.y)}px`;
    this.divider.style.bottom = `${Math.max(0, this.root.clientHeight - frame.y - frame.height)}px`;
    const inset = (edge: number) => `${Math.max(0, edge) + 12}px`;
    const bottom = inset(this.root.clientHeight - frame.y - frame.height);
    const before = query(".before");
    const after = query(".after");
    before.hidden = !this.comparing || (this.split < 0.12 && !this.peeking);
    after.hidden = !this.comparing || this.peeking || this.split > 0.88;
    before.style.left = inset(frame.x);
    after.style.right = inset(this.root.clientWidth - frame.x - frame.width);
    before.style.bottom = after.style.bottom = bottom;
    query<HTMLButtonElement>('[data-zoom="in"]').disabled = this.camera.isClosest;
    query<HTMLButtonElement>('[data-zoom="out"]').disabled = this.camera.isWhole;
    query<HTMLButtonElement>('[data-zoom="fit"]').disabled = this.camera.isWhole;
    this.root.dataset["drag"] = !this.camera.isWhole ? "move" : this.comparing ? "compare" : "none";
    this.range.setAttribute(
      "aria-valuetext",
      `${100 - Math.round(this.split * 100)} percent restored`,
    );
  }

  // ---- keyboard, wheel and pointer ----

  /** Shows the original alone, or the comparison again. */
  private peek(on: boolean): void {
    if (this.peeking === on) return;
    this.peeking = on;
    this.hold.setAttribute("aria-pressed", `${on}`);
    this.changed();
  }

  private listenToHold(): void {
    const { hold } = this;
    hold.addEventListener("pointerdown", (event) => {
      hold.setPointerCapture(event.pointerId);
      this.peek(true);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      hold.addEventListener(end, () => this.peek(false));
    }
    hold.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      this.peek(true);
    });
    hold.addEventListener("keyup", () => this.peek(false));
    // A click without a pointer or a key is that of a screen reader, which cannot hold.
    hold.addEventListener("click", (event) => {
      if (event.detail === 0) this.peek(!this.peeking);
    });
    hold.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  private zoomButton(which: string): void {
    this.touched = true;
    if (which === "fit") this.camera.fit();
    else this.camera.zoom(which === "in" ? ZOOM_STEP : 1 / ZOOM_STEP);
    this.changed();
  }

  private keyPressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onSlider = event.target === this.range;
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [MOVE_STEP, 0],
      ArrowRight: [-MOVE_STEP, 0],
      ArrowUp: [0, MOVE_STEP],
      ArrowDown: [0, -MOVE_STEP],
    };
    const move = moves[event.key];
    if (event.key === "+" || event.key === "=") this.zoomButton("in");
    else if (event.key === "-") this.zoomButton("out");
    else if (event.key === "0") this.zoomButton("fit");
    else if (move && !onSlider) this.camera.move(...move);
    else return;
    event.preventDefault();
    this.changed();
  }

  private wheelMoved(event: WheelEvent): void {
    event.preventDefault();
    const { x, y } = this.place(event);
    this.touched = true;
    this.camera.zoom(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), x, y);
    this.changed();
  }

  private doubleClicked(event: MouseEvent): void {
    if ((event.target as Element).closest("button")) return;
    const { x, y } = this.place(event);
    this.touched = true;
    if (this.camera.isWhole) this.camera.zoom(Math.max(2, 1 / this.camera.scale), x, y);
    else this.camera.fit();
    this.changed();
  }

  private pointerDown(event: PointerEvent): void {
    const target = event.target as Element;
    if (event.button !== 0 || target.closest("button")) return;
    this.root.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    clearTimeout(this.holdTimer);
    this.heldFrom = this.place(event);
    if (this.comparing && this.pointers.size === 1) {
      this.holdTimer = window.setTimeout(() => this.peek(true), HOLD_TIME);
    }
    const onHandle = target.closest(".divider") !== null;
    // A photo that is shown whole cannot be moved, so all of it drags the divider.
    this.dragging = this.comparing && (onHandle || this.camera.isWhole) ? "compare" : "move";
    if (this.dragging === "compare") {
      this.range.focus({ preventScroll: true });
      if (!onHandle) this.splitAt(this.place(event).x);
      event.preventDefault();
    }
  }

  private pointerMoved(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    this.pointers.set(event.pointerId, now);
    if (Math.hypot(now.x - this.heldFrom.x, now.y - this.heldFrom.y) > HOLD_DISTANCE) clearTimeout(this.holdTimer);
    if (this.peeking) return;
    if (this.pointers.size === 2) {
      this.touched = true;
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)![1];
      const apart = (point: { x: number; y: number }) => Math.hypot(point.x - other.x, point.y - other.y);
      this.camera.move((now.x - before.x) / 2, (now.y - before.y) / 2);
      this.camera.zoom(apart(now) / Math.max(1, apart(before)), (now.x + other.x) / 2, (now.y + other.y) / 2);
      this.dragging = "move";
    } else if (this.dragging === "compare") {
      this.splitAt(now.x);
    } else {
      this.touched = true;
      this.camera.move(now.x - before.x, now.y - before.y);
    }
    this.changed();
  }

  private pointerUp(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    clearTimeout(this.holdTimer);
    this.peek(false);
    if (this.pointers.size === 0) this.dragging = null;
  }

  private splitAt(x: number): void {
    const frame = this.camera.frame;
    const left = Math.max(0, frame.x);
    const right = Math.min(this.root.clientWidth, frame.x + frame.width);
    this.range.value = `${(100 * (x - left)) / Math.max(1, right - left)}`;
    this.changed();
  }

  private place(event: MouseEvent): { x: number; y: number } {
    const { left, top } = this.root.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }
}
