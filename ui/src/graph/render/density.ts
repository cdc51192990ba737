/**
 * Far away: nodes are smaller than a pixel, so each cell of a raster says how many of them lie on it and in which
 * states. The cost goes with the number of nodes and of cells, never with the length of what is drawn: each line adds
 * one where it begins and takes it back after its end, and sums along the raster do the rest.
 */

import { STATES } from "../types";
import type { Camera } from "./camera";
import type { Palette } from "./palette";
import type { Scene } from "./scene";

/** Pixels of the screen per cell. */
export const CELL = 2;

/** One raster for each state, and one for those that are not known. */
const PLANES = STATES.length + 1;

/** What a failure among many others is worth, so that none is lost. */
const GRAVE = new Set(["FAILED", "CRASHED"]);
const GRAVE_SHARE = 0.55;
const FAINTEST = 0.3;

export class Density {
  private sums = new Float32Array(0);
  private used = new Uint8Array(PLANES);
  private picture: HTMLCanvasElement | undefined;
  private pixels: ImageData | undefined;

  /** Draws all nodes of `places` into `pen`. `dims` says of a state whether it stands back. */
  draw(
    pen: CanvasRenderingContext2D,
    scene: Scene,
    places: readonly number[],
    camera: Camera,
    width: number,
    height: number,
    now: number,
    palette: Palette,
    dims: (place: number) => boolean,
  ): void {
    const columns = Math.ceil(width / CELL);
    const rows = Math.ceil(height / CELL);
    this.room(columns, rows);
    this.count(scene, places, camera, columns, rows, now, dims);
    // So many lines lie one over the other on a full cell.
    const full = Math.max(1, (CELL / camera.sy) * (scene.overTime ? 1 : CELL / camera.sx));
    this.paint(columns, rows, full, palette);
    if (this.picture === undefined || this.pixels === undefined) return;
    this.picture.getContext("2d")?.putImageData(this.pixels, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.picture, 0, 0, columns * CELL, rows * CELL);
  }

  private room(columns: number, rows: number): void {
    const size = PLANES * rows * (columns + 1);
    if (this.sums.length < size) this.sums = new Float32Array(size);
    else this.sums.fill(0, 0, size);
    this.used.fill(0);
    if (this.pixels?.width === columns && this.pixels.height === rows) return;
    this.picture ??= document.createElement("canvas");
    this.picture.width = columns;
    this.picture.height = rows;
    this.pixels = new ImageData(columns, rows);
  }

  private count(
    scene: Scene,
    places: readonly number[],
    camera: Camera,
    columns: number,
    rows: number,
    now: number,
    dims: (place: number) => boolean,
  ): void {
    const perX = camera.sx / CELL;
    const perY = camera.sy / CELL;
    const { x, y, width, height } = scene.layout;
    const live = scene.overTime ? new Set(scene.going) : new Set<number>();
    const stride = columns + 1;
    for (const place of places) {
      if (dims(place)) continue;
      const left = x[place] ?? 0;
      const wide = live.has(place) ? scene.box(place, now).width : (width[place] ?? 0);
      const top = y[place] ?? 0;
      const from = Math.max(0, Math.floor((left - camera.x) * perX));
      const to = Math.min(columns, Math.max(from + 1, Math.ceil((left + wide - camera.x) * perX)));
      const first = Math.max(0, Math.floor((top - camera.y) * perY));
      const last = Math.min(
        rows - 1,
        Math.max(first, Math.ceil((top + (height[place] ?? 0) - camera.y) * perY) - 1),
      );
      if (from >= columns || to <= from) continue;
      const plane = Math.min(scene.state(place), PLANES - 1);
      this.used[plane] = 1;
      for (let row = first; row <= last; row += 1) {
        const base = (plane * rows + row) * stride;
        this.sums[base + from] = (this.sums[base + from] ?? 0) + 1;
        this.sums[base + to] = (this.sums[base + to] ?? 0) - 1;
      }
    }
  }

  private paint(columns: number, rows: number, full: number, palette: Palette): void {
    const pixels = this.pixels;
    if (pixels === undefined) return;
    const out = pixels.data;
    out.fill(0);
    const planes: number[] = [];
    for (let plane = 0; plane < PLANES; plane += 1) if (this.used[plane] === 1) planes.push(plane);
    const colours = planes.map((plane) => (palette.states[plane] ?? palette.unknown).rgb);
    const grave = planes.map((plane) => GRAVE.has(STATES[plane] ?? ""));
    const running = new Float32Array(planes.length);
    for (let row = 0; row < rows; row += 1) {
      running.fill(0);
      for (let column = 0; column < columns; column += 1) {
        let all = 0;
        let worst = 0;
        for (let at = 0; at < planes.length; at += 1) {
          const sum =
            (running[at] ?? 0) + (this.sums[((planes[at] ?? 0) * rows + row) * (columns + 1) + column] ?? 0);
          running[at] = sum;
          all += sum;
          if (grave[at] === true) worst += sum;
        }
        if (all <= 0) continue;
        // Shares of the good and of the grave: the grave have at least theirs.
        const ill = worst > 0 ? Math.max(worst / all, GRAVE_SHARE) : 0;
        let red = 0;
        let green = 0;
        let blue = 0;
        for (let at = 0; at < planes.length; at += 1) {
          const sum = running[at] ?? 0;
          const colour = colours[at];
          if (sum <= 0 || colour === undefined) continue;
          const share = grave[at] === true ? (sum / worst) * ill : (sum / (all - worst)) * (1 - ill);
          red += colour[0] * share;
          green += colour[1] * share;
          blue += colour[2] * share;
        }
        const spot = (row * columns + column) * 4;
        out[spot] = red;
        out[spot + 1] = green;
        out[spot + 2] = blue;
        out[spot + 3] = 255 * (worst > 0 ? 1 : Math.min(1, FAINTEST + ((1 - FAINTEST) * all) / full));
      }
    }
  }
}
