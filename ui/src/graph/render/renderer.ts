/** A graph on a canvas: keeps the camera and what stands out, and draws again only when something changed. */

import { AXIS } from "./axis";
import {
  between,
  type Box,
  type Camera,
  clamp,
  type Insets,
  kept,
  type Limits,
  looking,
  moved,
  zoomed,
} from "./camera";
import { type Drawn, type Marks, NO_MARKS, onScreen, Painting } from "./painting";
import type { Palette } from "./palette";
import { Scene } from "./scene";

/** What happens when somebody else must know. */
export interface Heard {
  /** After each picture. */
  drawn?: (drawn: Drawn, camera: Camera) => void;
}

const MOVE_MS = 240;
/** Milliseconds between pictures while something goes on. */
const LIVE_MS = 120;
const LIVE_CALM_MS = 1000;
const NEARER = 2.2;
const HIGHER = 1.5;
/** Pixels around a point within which a node is meant. */
const REACH = 4;
/** Part of the full size at which names can be read. */
const READABLE = 0.5;
/** How much more of one way than of the other the whole may be scaled. */
const UNEVEN = 2;
/** Pixels at the right for names beside the last bars. */
const BESIDE = 90;
/** Up to so many lines the layout over time begins at a height that can be read, and is scrolled. */
const READ_UP_TO = 120;

export class GraphRenderer {
  /** The camera as it is drawn. */
  camera: Camera = { x: 0, y: 0, sx: 1, sy: 1 };
  scene: Scene | undefined;
  width = 1;
  height = 1;
  /** Whether the whole is looked at: then what grows stays in sight. */
  follows = true;
  private readonly pen: CanvasRenderingContext2D | null;
  private readonly painting = new Painting();
  private ratio = 1;
  private marks: Marks = NO_MARKS;
  private asked = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private flight: { from: Camera; to: Camera; began: number } | undefined;
  private covered = { right: 0, bottom: 0 };

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private palette: Palette,
    private readonly heard: Heard = {},
    private readonly clock: () => number = Date.now,
  ) {
    this.pen = canvas.getContext("2d", { alpha: false });
  }

  show(scene: Scene): void {
    const other = this.scene === undefined || this.scene.layout.kind !== scene.layout.kind;
    this.scene = scene;
    if (other) {
      this.flight = undefined;
      this.follows = true;
    }
    if (this.follows) this.camera = this.home();
    this.draw();
  }

  resize(width: number, height: number, ratio: number): void {
    if (width === this.width && height === this.height && ratio === this.ratio) return;
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    if (this.follows && this.scene !== undefined) this.camera = this.home();
    // At once: a canvas that changed its size is empty.
    this.paint();
  }

  recolour(palette: Palette): void {
    this.palette = palette;
    this.draw();
  }

  mark(marks: Marks): void {
    this.marks = marks;
    this.draw();
  }

  /** What a panel covers, so that nothing is brought behind it. */
  cover(right: number, bottom: number): void {
    this.covered = { right, bottom };
  }

  pan(byX: number, byY: number): void {
    this.take(moved(this.camera, byX, byY));
  }

  /** Nearer for factors over 1, about a point of the screen; about the middle when none is given. */
  zoom(factor: number, atX = this.width / 2, atY = this.height / 2): void {
    const limits = this.limits();
    if (limits !== undefined) this.take(zoomed(this.flight?.to ?? this.camera, atX, atY, factor, limits));
  }

  zoomSmoothly(factor: number): void {
    const limits = this.limits();
    if (limits === undefined) return;
    this.follows = false;
    this.fly(zoomed(this.flight?.to ?? this.camera, this.width / 2, this.height / 2, factor, limits));
  }

  /** The whole graph. */
  fit(): void {
    this.fly(this.whole());
    this.follows = true;
  }

  /** Brings a node into sight, and near enough to be read. */
  goTo(row: number): void {
    const scene = this.scene;
    const place = scene?.placeOf[row] ?? -1;
    if (scene === undefined || place < 0) return;
    const box = scene.box(place, this.clock());
    const now = this.flight?.to ?? this.camera;
    // Near enough already: one who walks does not want to be shaken.
    const sy = now.sy >= scene.fullY * READABLE ? now.sy : scene.fullY * 0.9;
    let sx = scene.overTime || now.sx >= scene.fullX * READABLE ? now.sx : scene.fullX * 0.9;
    // Over time a short task is brought to some width, a long one into the screen.
    if (scene.overTime)
      sx = clamp(
        sx,
        24 / Math.max(box.width, 1e-6),
        Math.max(now.sx, (this.width * 0.8) / Math.max(box.width, 1e-6)),
      );
    const at = onScreen(box, now);
    const inside =
      at.x >= 0 &&
      at.y >= AXIS &&
      at.x + Math.min(at.width, 60) <= this.width - this.covered.right &&
      at.y + at.height <= this.height - this.covered.bottom;
    if (inside && sy === now.sy && sx <= now.sx * 1.001) return;
    this.follows = false;
    const seen = { ...box, width: Math.min(box.width, (this.width * 0.8) / sx) };
    this.fly(looking(seen, sx, sy, this.width, this.height, this.insets()));
  }

  /** The row of the node at a point of the screen; -1: none. */
  pick(x: number, y: number): number {
    const { scene, camera } = this;
    if (scene === undefined || (scene.overTime && y < AXIS)) return -1;
    const box = {
      x: camera.x + (x - REACH) / camera.sx,
      y: camera.y + (y - REACH) / camera.sy,
      width: (REACH * 2) / camera.sx,
      height: (REACH * 2) / camera.sy,
    };
    let best = -1;
    let least = Infinity;
    for (const place of scene.within(box, this.clock())) {
      const at = onScreen(scene.box(place, this.clock()), camera);
      const farX = Math.max(at.x - x, 0, x - at.x - at.width);
      const farY = Math.max(at.y - y, 0, y - at.y - at.height);
      // Of two that are hit the smaller: a frame holds the cards that lie on it.
      const cost = Math.hypot(farX, farY) * 1e9 + at.width * at.height;
      if (cost < least) [best, least] = [scene.row(place), cost];
    }
    return best;
  }

  /** Where a row's node is on the screen. */
  boxOf(row: number): Box | undefined {
    const place = this.scene?.placeOf[row] ?? -1;
    if (this.scene === undefined || place < 0) return undefined;
    return onScreen(this.scene.box(place, this.clock()), this.camera);
  }

  /** Looks at a point of the layout, without a flight: for who drags in the small map. */
  centre(x: number, y: number): void {
    const { sx, sy } = this.camera;
    this.take({ x: x - this.width / sx / 2, y: y - this.height / sy / 2, sx, sy });
  }

  draw(): void {
    if (this.asked === 0) this.asked = requestAnimationFrame(() => this.frame());
  }

  /** Draws without waiting for the browser's next frame. */
  paintNow(): void {
    cancelAnimationFrame(this.asked);
    this.frame();
  }

  close(): void {
    cancelAnimationFrame(this.asked);
    clearTimeout(this.timer);
    this.asked = 0;
    this.scene = undefined;
  }

  private frame(): void {
    this.asked = 0;
    if (this.flight !== undefined) {
      const share = Math.min(1, (performance.now() - this.flight.began) / MOVE_MS);
      this.camera = between(this.flight.from, this.flight.to, 1 - (1 - share) ** 3);
      if (share >= 1) this.flight = undefined;
      else this.draw();
    } else if (
      this.follows &&
      this.scene !== undefined &&
      this.scene.overTime &&
      this.scene.going.length > 0
    ) {
      this.camera = this.home();
    }
    this.paint();
  }

  private paint(): void {
    if (this.pen === null || this.scene === undefined) return;
    this.pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const { pen, scene, camera, marks, palette, width, height } = this;
    const drawn = this.painting.draw(pen, scene, camera, marks, palette, width, height, this.clock());
    this.heard.drawn?.(drawn, camera);
    clearTimeout(this.timer);
    if (scene.overTime && scene.going.length > 0)
      this.timer = setTimeout(() => this.draw(), calm() ? LIVE_CALM_MS : LIVE_MS);
  }

  private take(camera: Camera): void {
    if (this.scene === undefined) return;
    this.flight = undefined;
    this.follows = false;
    this.camera = kept(camera, this.scene.extent(this.clock()), this.width, this.height);
    this.draw();
  }

  private fly(to: Camera): void {
    this.flight = calm() ? undefined : { from: this.camera, to, began: performance.now() };
    if (calm()) this.camera = to;
    this.draw();
  }

  private insets(): Insets {
    const top = this.scene?.overTime === true ? AXIS + 8 : 16;
    const right = this.scene?.overTime === true && this.width > 600 ? BESIDE : 16;
    return { left: 16, top, right: right + this.covered.right, bottom: 16 + this.covered.bottom };
  }

  private room(): [number, number] {
    const { left, top, right, bottom } = this.insets();
    return [Math.max(1, this.width - left - right), Math.max(1, this.height - top - bottom)];
  }

  /** The camera that shows everything. */
  private whole(): Camera {
    const { scene } = this;
    if (scene === undefined) return this.camera;
    const extent = scene.extent(this.clock());
    const [roomX, roomY] = this.room();
    let sx = roomX / Math.max(extent.width, 1e-6);
    let sy = Math.min(scene.fullY, roomY / Math.max(extent.height, 1e-6));
    if (!scene.overTime) {
      // Words keep their size, so that cards may be narrower than they are low, but not much.
      const shareX = Math.min(1, sx / scene.fullX);
      const shareY = Math.min(1, sy / scene.fullY);
      sx = scene.fullX * Math.min(shareX, shareY * UNEVEN);
      sy = scene.fullY * Math.min(shareY, shareX * UNEVEN);
    }
    return looking(
      extent,
      sx,
      sy,
      this.width,
      this.height,
      scene.overTime ? this.topInsets(extent, sy) : this.insets(),
    );
  }

  /** Few lines hang at the top rather than in the middle. */
  private topInsets(extent: Box, sy: number): Insets {
    const insets = this.insets();
    return { ...insets, bottom: Math.max(insets.bottom, this.height - insets.top - extent.height * sy) };
  }

  /** Where one begins to look. */
  private home(): Camera {
    const whole = this.whole();
    const { scene } = this;
    if (scene === undefined || !scene.overTime || scene.layout.shown.length > READ_UP_TO) return whole;
    const sy = Math.max(whole.sy, scene.fullY * 0.9);
    return { ...whole, sy, y: scene.layout.extent.y - (AXIS + 8) / sy };
  }

  private limits(): Limits | undefined {
    const { scene } = this;
    if (scene === undefined) return undefined;
    const whole = this.whole();
    if (scene.overTime) {
      const least = Math.min(whole.sy, scene.fullY);
      return {
        leastX: whole.sx * 0.7,
        mostX: Math.max(whole.sx * 2, 4000),
        leastY: least,
        mostY: scene.fullY * 1.5,
      };
    }
    return {
      leastX: whole.sx * 0.7,
      mostX: scene.fullX * NEARER,
      leastY: whole.sy * 0.7,
      mostY: scene.fullY * HIGHER,
    };
  }
}

function calm(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
