/** Near: cards of the layout by dependencies, and bars over time. */

import { duration } from "@/lib/time";

import { nameOf } from "../names";
import { STATES, type StateCode } from "../types";
import { AXIS } from "./axis";
import type { Box } from "./camera";
import { type Palette, paintOf, type StatePaint } from "./palette";
import { gravity, type Scene } from "./scene";
import { fitted, widthOf } from "./text";

/** What cards and bars are drawn with. */
export interface Easel {
  readonly pen: CanvasRenderingContext2D;
  readonly palette: Palette;
  readonly scene: Scene;
  readonly now: number;
  /** Pixels across the screen. */
  readonly across: number;
}

const RADIUS = 5;
const STRIPE = 3;
/** Pixels from which on there is room for a second line, and for one. */
const TWO_LINES = 37;
export const ONE_LINE = 13;
const NARROWEST = 26;
const CHEVRON = 14;
const NAMED_FROM = 48;
const MARK_ONLY = 0;

/** How long a node took, or what it waits for in a word. */
export function took(scene: Scene, row: number, now: number): string {
  const started = scene.nodes.started[row] ?? NaN;
  if (Number.isNaN(started)) return "";
  const ended = scene.nodes.ended[row] ?? NaN;
  return duration(((Number.isNaN(ended) ? now : ended) - started) / 1000);
}

/** The states of a map's items, the gravest first, so that they are seen where there is little room. */
export function shares(scene: Scene, row: number): [StateCode, number][] {
  const found = scene.nodes.histograms.get(row);
  if (found === undefined) return [];
  return [...found].sort(([one], [other]) => gravity(other) - gravity(one) || one - other);
}

export function holdsOthers(scene: Scene, row: number): boolean {
  return scene.nodes.kinds[row] === "map" || scene.nodes.childRuns.has(row);
}

function font(palette: Palette, size: number, weight = 400): string {
  return `${weight} ${size}px ${palette.font}`;
}

/** Behind what an opened map or subflow holds. */
export function drawFrame(easel: Easel, place: number, box: Box): void {
  const { pen, palette, scene } = easel;
  pen.beginPath();
  pen.roundRect(box.x, box.y, box.width, box.height, Math.min(RADIUS + 3, box.height / 4));
  pen.fillStyle = palette.sunken;
  pen.globalAlpha = 0.75;
  pen.fill();
  pen.globalAlpha = 1;
  if (scene.overTime) return;
  pen.strokeStyle = paintOf(palette, scene.state(place)).border;
  pen.lineWidth = 1;
  pen.setLineDash([4, 3]);
  pen.stroke();
  pen.setLineDash([]);
}

/** What an opened map or subflow is called, where there is no room for its card. */
export function drawName(easel: Easel, place: number, box: Box): void {
  const { pen, palette, scene } = easel;
  if (box.width < NAMED_FROM || box.height < NAMED_FROM / 2) return;
  const left = Math.max(box.x, 0) + 4;
  pen.font = font(palette, 11, 600);
  const text = fitted(
    pen,
    nameOf(scene.nodes, scene.row(place)),
    Math.min(box.x + box.width, easel.across) - left - 12,
  );
  if (text === "") return;
  const top = Math.max(box.y, scene.overTime ? AXIS : 0) + 4;
  pen.fillStyle = palette.surface;
  pen.globalAlpha = 0.9;
  pen.beginPath();
  pen.roundRect(left, top, widthOf(pen, text) + 12, 18, 4);
  pen.fill();
  pen.globalAlpha = 1;
  pen.fillStyle = palette.ink;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillText(text, left + 6, top + 9.5);
}

/** A card: a stripe of its state, its name, and below how long it took or how many items are in which state. */
export function drawCard(easel: Easel, place: number, box: Box): void {
  const { pen, palette, scene, now } = easel;
  const row = scene.row(place);
  const paint = paintOf(palette, scene.state(place));
  const more = holdsOthers(scene, row);
  const opened = scene.opened.has(row);
  if (more && !opened && box.height > 20 && box.width > NARROWEST) stack(easel, box, paint);
  if (box.width < NARROWEST) {
    cell(easel, box, paint);
    return;
  }
  body(easel, box, paint, more ? palette.surface : paint.tint);
  const left = box.x + STRIPE + 7;
  const room = box.x + box.width - left - 6;
  if (room < NARROWEST) return;
  const two = box.height >= TWO_LINES;
  const first = box.y + (two ? Math.min(15, box.height * 0.34) : box.height / 2);
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.fillStyle = paint.solid;
  pen.font = font(palette, 11, 700);
  pen.fillText(paint.mark, left, first + 0.5);
  pen.fillStyle = palette.ink;
  pen.font = font(palette, 12, 550);
  pen.fillText(fitted(pen, nameOf(scene.nodes, row), room - 16 - (more ? CHEVRON : 0)), left + 16, first);
  if (more) chevron(easel, box.x + box.width - 13, first, opened);
  if (!two) return;
  const states = shares(scene, row);
  const bottom = box.y + box.height;
  pen.font = font(palette, 11);
  const time = took(scene, row, now);
  if (states.length > 0) {
    histogram(easel, { x: left, y: bottom - 19, width: room, height: 12 }, states, true);
    return;
  }
  pen.fillStyle = palette.ink3;
  pen.textBaseline = "middle";
  const words = [stateOf(scene, place), time].filter((one) => one !== "").join(" · ");
  pen.fillText(fitted(pen, words, room), left, bottom - 14);
}

function stateOf(scene: Scene, place: number): string {
  const type = STATES[scene.state(place)] ?? "not begun";
  return type.charAt(0).toUpperCase() + type.slice(1).toLowerCase();
}

function body({ pen }: Easel, box: Box, paint: StatePaint, fill: string): void {
  const radius = Math.min(RADIUS, box.height / 3, box.width / 3);
  pen.beginPath();
  pen.roundRect(box.x, box.y, box.width, box.height, radius);
  pen.fillStyle = fill;
  pen.fill();
  pen.strokeStyle = paint.border;
  pen.lineWidth = 1;
  pen.stroke();
  pen.beginPath();
  pen.roundRect(box.x, box.y, STRIPE + 1, box.height, [radius, 0, 0, radius]);
  pen.fillStyle = paint.solid;
  pen.fill();
}

/** The edge of another card behind: there is more inside. */
function stack({ pen, palette }: Easel, box: Box, paint: StatePaint): void {
  pen.beginPath();
  pen.roundRect(box.x + 5, box.y + box.height - 6, box.width - 10, 10, RADIUS);
  pen.fillStyle = palette.sunken;
  pen.fill();
  pen.strokeStyle = paint.border;
  pen.lineWidth = 1;
  pen.stroke();
}

/** One item of many: its state and no words. */
function cell({ pen, palette }: Easel, box: Box, paint: StatePaint): void {
  pen.beginPath();
  pen.roundRect(box.x, box.y, Math.max(box.width, 1), box.height, Math.min(3, box.width / 4));
  pen.fillStyle = paint.solid;
  pen.fill();
  if (box.width < 14 || box.height < 14) return;
  pen.fillStyle = palette.surface;
  pen.font = font(palette, 10, 700);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(paint.mark, box.x + box.width / 2, box.y + box.height / 2 + 0.5);
}

function chevron({ pen, palette }: Easel, x: number, y: number, opened: boolean): void {
  pen.strokeStyle = palette.ink3;
  pen.lineWidth = 1.5;
  pen.beginPath();
  const [across, along] = opened ? [4, 2] : [2, 4];
  if (opened) {
    pen.moveTo(x - across, y - along);
    pen.lineTo(x, y + along);
    pen.lineTo(x + across, y - along);
  } else {
    pen.moveTo(x - across, y - along);
    pen.lineTo(x + across, y);
    pen.lineTo(x - across, y + along);
  }
  pen.stroke();
}

/** Parts of a bar by how many items are in which state; each at least a pixel and a half. */
export function histogram(
  easel: Easel,
  box: Box,
  states: readonly [StateCode, number][],
  counts: boolean,
): void {
  const { pen, palette } = easel;
  const all = states.reduce((sum, [, count]) => sum + count, 0);
  if (all === 0 || box.width <= 0) return;
  const least = Math.min(counts ? 12 : 2, box.width / states.length);
  const free = box.width - least * states.length;
  let x = box.x;
  pen.save();
  pen.beginPath();
  pen.roundRect(box.x, box.y, box.width, box.height, Math.min(3, box.height / 2));
  pen.clip();
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = font(palette, 10, 600);
  for (const [state, count] of states) {
    const width = least + (free * count) / all;
    pen.fillStyle = paintOf(palette, state).solid;
    pen.fillRect(x, box.y, width, box.height);
    const text = count.toLocaleString();
    if (counts && widthOf(pen, text) + 4 <= width) {
      pen.fillStyle = palette.surface;
      pen.fillText(text, x + width / 2, box.y + box.height / 2 + 0.5);
    }
    x += width;
  }
  pen.restore();
}

/** A bar over time, with its name inside where it fits, else beside it. */
export function drawBar(easel: Easel, place: number, box: Box, goesOn: boolean, next: number): void {
  const { pen, palette, scene, now } = easel;
  const row = scene.row(place);
  const paint = paintOf(palette, scene.state(place));
  const wide = Math.max(box.width, 3);
  const states = shares(scene, row);
  const opened = scene.opened.has(row);
  const radius = Math.min(4, wide / 3, box.height / 3);
  pen.beginPath();
  pen.roundRect(box.x, box.y, wide, box.height, radius);
  pen.fillStyle = wide < 10 ? paint.solid : paint.bar;
  pen.fill();
  if (wide >= 10) {
    pen.fillStyle = paint.solid;
    pen.beginPath();
    pen.roundRect(box.x, box.y, STRIPE, box.height, [radius, 0, 0, radius]);
    pen.fill();
    if (goesOn) pen.fillRect(box.x + wide - 2, box.y, 2, box.height);
    if (states.length > 0)
      histogram(easel, { x: box.x, y: box.y + box.height - 4, width: wide, height: 4 }, states, false);
  }
  if (box.height < ONE_LINE) return;
  const more = holdsOthers(scene, row);
  const name = `${more ? (opened ? "▾ " : "▸ ") : ""}${nameOf(scene.nodes, row)}`;
  const words = { mark: paint.mark, colour: paint.solid, name, time: took(scene, row, now) };
  write(easel, { ...box, width: wide }, words, next, states.length > 0 ? -1 : 0);
}

interface Words {
  readonly mark: string;
  readonly colour: string;
  readonly name: string;
  readonly time: string;
}

/** In the bar where there is room, else beside it up to what comes next. */
function write(
  easel: Easel,
  box: Box,
  { mark, colour, name, time }: Words,
  next: number,
  lift: number,
): void {
  const { pen, palette, across } = easel;
  const y = box.y + box.height / 2 + lift;
  pen.font = font(palette, 11, 500);
  const nameWidth = widthOf(pen, name);
  const timeWidth = time === "" ? 0 : widthOf(pen, time) + 8;
  // What is seen of the bar: the name stays in sight while one moves along a long one.
  const left = Math.max(box.x + STRIPE, 0) + 5;
  const within = Math.min(box.x + box.width, across) - 6 - left;
  const after = box.x + box.width + 6;
  const beside = Math.min(next - 4, across) - after;
  const inside = within >= 14 + nameWidth || (beside < 14 + nameWidth && within >= beside);
  const room = (inside ? within : beside) - 14;
  if (room < MARK_ONLY) return;
  const x = inside ? left : after;
  const shownName = fitted(pen, name, room);
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.fillStyle = colour;
  pen.fillText(mark, x, y + 0.5);
  pen.fillStyle = palette.ink;
  pen.fillText(shownName, x + 14, y);
  if (time === "" || nameWidth + timeWidth > room) return;
  pen.fillStyle = inside ? palette.ink2 : palette.ink3;
  pen.fillText(time, x + 14 + nameWidth + 8, y);
}
