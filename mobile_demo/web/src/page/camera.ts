/** Which part of the photo the view shows. */

import type { Rectangle } from "../core/protocol.ts";

interface Size {
  width: number;
  height: number;
}

/** Maximum zoom, in view pixels per photo pixel. */
const MOST_SCALE = 8;

/** Scale and offset that map photo pixels to view pixels. */
export class Camera {
  private photo: Size = { width: 1, height: 1 };
  private view: Size = { width: 1, height: 1 };
  /** View pixels per photo pixel. */
  scale = 1;
  /** Position of the photo's top left corner in the view. */
  left = 0;
  top = 0;

  /** Shows another photo, whole. */
  setPhoto(photo: Size): void {
    this.photo = photo;
    this.fit();
  }

  /** Handles a new view size; a photo that was shown whole stays whole. */
  resize(view: Size): void {
    const whole = this.isWhole;
    const [x, y] = [(this.view.width / 2 - this.left) / this.scale, (this.view.height / 2 - this.top) / this.scale];
    this.view = view;
    if (whole) {
      this.fit();
    } else {
      this.left = view.width / 2 - x * this.scale;
      this.top = view.height / 2 - y * this.scale;
      this.settle();
    }
  }

  get wholeScale(): number {
    return Math.min(this.view.width / this.photo.width, this.view.height / this.photo.height);
  }

  get isWhole(): boolean {
    return this.scale <= this.wholeScale * 1.001;
  }

  get isClosest(): boolean {
    return this.scale >= this.closest * 0.999;
  }

  fit(): void {
    this.scale = this.wholeScale;
    this.settle();
  }

  /** Zooms by a factor around (x, y) of the view, which stays fixed. */
  zoom(factor: number, x = this.view.width / 2, y = this.view.height / 2): void {
    const scale = Math.min(Math.max(this.scale * factor, this.wholeScale), this.closest);
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.settle();
  }

  /** Shows an area of the photo as large as the view allows, in its middle. */
  show({ x, y, width, height }: Rectangle): void {
    const fitting = Math.min(this.view.width / width, this.view.height / height);
    this.scale = Math.min(Math.max(fitting, this.wholeScale), this.closest);
    this.left = this.view.width / 2 - (x + width / 2) * this.scale;
    this.top = this.view.height / 2 - (y + height / 2) * this.scale;
    this.settle();
  }

  /** The size of the view in photo pixels at a scale. */
  sizeAt(scale: number): Size {
    return { width: this.view.width / scale, height: this.view.height / scale };
  }

  move(dx: number, dy: number): void {
    this.left += dx;
    this.top += dy;
    this.settle();
  }

  /** Maps an area of the photo to the view. */
  toView({ x, y, width, height }: Rectangle): Rectangle {
    return {
      x: this.left + x * this.scale,
      y: this.top + y * this.scale,
      width: width * this.scale,
      height: height * this.scale,
    };
  }

  /** The whole photo, in the view. */
  get frame(): Rectangle {
    return this.toView({ x: 0, y: 0, ...this.photo });
  }

  /** The area of the photo that can be seen, in whole pixels. */
  get seen(): Rectangle {
    const x = Math.max(0, Math.floor(-this.left / this.scale));
    const y = Math.max(0, Math.floor(-this.top / this.scale));
    const right = Math.min(this.photo.width, Math.ceil((this.view.width - this.left) / this.scale));
    const bottom = Math.min(this.photo.height, Math.ceil((this.view.height - this.top) / this.scale));
    return { x, y, width: Math.max(1, right - x), height: Math.max(1, bottom - y) };
  }

  private get closest(): number {
    return Math.max(MOST_SCALE, this.wholeScale);
  }

  /** Leaves no gap at an edge that the photo could fill; centres it where it cannot. */
  private settle(): void {
    const along = (offset: number, photo: number, view: number) =>
      photo <= view ? (view - photo) / 2 : Math.min(0, Math.max(view - photo, offset));
    this.left = along(this.left, this.photo.width * this.scale, this.view.width);
    this.top = along(this.top, this.photo.height * this.scale, this.view.height);
  }
}
