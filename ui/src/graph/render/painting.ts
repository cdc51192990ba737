/** One picture: what is seen from a camera, as finely as there is room for. */

import type { StateCode } from "../types";
import { drawAxis, drawGridLines } from "./axis";
import { type Box, type Camera, visible } from "./camera";
import { Density } from "./density";
import { type Curve, curve, head, trace } from "./edges";
import { drawBar, drawCard, drawFrame, drawName, type Easel, histogram, ONE_LINE, shares } from "./nodes";
import { type Palette, paintOf } from "./palette";
import { BAR_ROW, CARD_ROW, CARD_WIDTH, inRow, type Scene } from "./scene";

/** What stands out, by rows of the nodes. */
export interface Marks {
  readonly selected: number;
  readonly hovered: number;
  /** Only these stand out; null: nothing stands back. */
  readonly critical: ReadonlySet<number> | null;
  readonly matches: ReadonlySet<number> | null;
  readonly states: ReadonlySet<StateCode> | null;
}

export const NO_MARKS: Marks = { selected: -1, hovered: -1, critical: null, matches: null, states: null };

export type Level = "far" | "middle" | "near";

/** What a picture took. */
export interface Drawn {
  readonly level: Level;
  readonly nodes: number;
  readonly edges: number;
}

/** More nodes than these on the screen are drawn as a raster, and as cards without words. */
const RASTER_FROM = 6000;
const WORDS_UP_TO = 900;
/** Pixels from which on a node has words also among many. */
const WORDS_FROM = 56;
const LOWEST = 2.2;
/** Pixels of a row from which on also many nodes are told apart. */
const CELLS_FROM = 9;
/** Edges are drawn up to so many; the more there are the fainter. */
const MOST_EDGES = 2500;
const BACK = 0.22;

export class Painting {
  private readonly density = new Density();

  draw(
    pen: CanvasRenderingContext2D,
    scene: Scene,
    camera: Camera,
    marks: Marks,
    palette: Palette,
    width: number,
    height: number,
    now: number,
  ): Drawn {
    const ground = { pen, palette, scene, now, across: width };
    pen.globalAlpha = 1;
    pen.fillStyle = palette.surface;
    pen.fillRect(0, 0, width, height);
    if (scene.overTime) drawGridLines(pen, camera, scene.layout.extent.x, width, height, palette);
    const places = scene.within(visible(camera, width, height), now);
    const level = levelOf(scene, camera, places.length);
    const dims = backOf(scene, marks);
    const screen = (place: number): Box => inRow(onScreen(scene.box(place, now), camera));
    let edges = 0;
    if (level === "far") {
      this.density.draw(pen, scene, places, camera, width, height, now, palette, () => false);
      if (marks.critical !== null || marks.matches !== null || marks.states !== null)
        this.again(pen, scene, places, camera, width, height, now, palette, dims);
      for (const [place, box] of seenFrames(scene, camera, width, height)) drawName(ground, place, box);
    } else {
      frames(ground, camera, width, height);
      edges = faintEdges(ground, places, screen, marks, width, height);
      if (level === "middle") blocks(ground, places, screen, dims);
      else details(ground, places, screen, dims);
    }
    outstanding(ground, screen, marks, level);
    if (scene.overTime) drawAxis(pen, camera, scene.layout.extent.x, width, palette);
    return { level, nodes: places.length, edges };
  }

  /** What stands out, over a veil on everything. */
  private again(
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
    pen.globalAlpha = 1 - BACK;
    pen.fillStyle = palette.surface;
    pen.fillRect(0, 0, width, height);
    pen.globalAlpha = 1;
    this.density.draw(pen, scene, places, camera, width, height, now, palette, dims);
  }
}

function levelOf(scene: Scene, camera: Camera, count: number): Level {
  const high = (camera.sy / scene.fullY) * (scene.overTime ? BAR_ROW : CARD_ROW);
  const wide = scene.overTime ? Infinity : (camera.sx / scene.fullX) * CARD_WIDTH;
  if (count > (high < CELLS_FROM ? RASTER_FROM : RASTER_FROM * 2) || high < LOWEST)
    return count > 400 ? "far" : "middle";
  return count > WORDS_UP_TO || high < ONE_LINE - 3 || wide < 36 ? "middle" : "near";
}

export function onScreen(box: Box, camera: Camera): Box {
  return {
    x: (box.x - camera.x) * camera.sx,
    y: (box.y - camera.y) * camera.sy,
    width: box.width * camera.sx,
    height: box.height * camera.sy,
  };
}

/** Who stands back. A map stands out when one of its items would. */
function backOf(scene: Scene, marks: Marks): (place: number) => boolean {
  const { critical, matches, states } = marks;
  if (critical === null && matches === null && states === null) return () => false;
  return (place) => {
    const row = scene.row(place);
    if (critical !== null && !critical.has(row)) return true;
    if (matches !== null && !matches.has(row)) return true;
    if (states === null || states.has(scene.state(place))) return false;
    const inside = scene.nodes.histograms.get(row);
    return inside === undefined || ![...inside.keys()].some((state) => states.has(state));
  };
}

/** Frames on the screen, outer ones first. */
function seenFrames(
  scene: Scene,
  camera: Camera,
  width: number,
  height: number,
): [place: number, box: Box][] {
  return [...scene.frames]
    .map(([place, box]): [number, Box] => [place, onScreen(box, camera)])
    .filter(([, box]) => box.x < width && box.y < height && box.x + box.width > 0 && box.y + box.height > 0)
    .sort(([, one], [, other]) => other.width * other.height - one.width * one.height);
}

function frames(easel: Easel, camera: Camera, width: number, height: number): void {
  for (const [place, box] of seenFrames(easel.scene, camera, width, height)) drawFrame(easel, place, box);
}

/** Edges between what is seen, fainter the more there are; those of one node are drawn over them. */
function faintEdges(
  { pen, palette, scene }: Easel,
  places: readonly number[],
  screen: (place: number) => Box,
  marks: Marks,
  width: number,
  height: number,
): number {
  const lines: Curve[] = [];
  for (const place of places) {
    scene.linksOf(place, (other, leads) => {
      // An edge that only comes in is drawn by the node that it leaves, when that is seen.
      if (lines.length >= MOST_EDGES || !leads || scene.crossesMap(place, other)) return;
      const line = curve(screen(place), screen(other));
      if (Math.max(line.fromX, line.toX) < 0 || Math.min(line.fromX, line.toX) > width) return;
      if (Math.max(line.fromY, line.toY) < 0 || Math.min(line.fromY, line.toY) > height) return;
      lines.push(line);
    });
    if (lines.length >= MOST_EDGES) return 0;
  }
  if (lines.length === 0) return 0;
  const alone =
    marks.selected >= 0 || marks.critical !== null || marks.matches !== null || marks.states !== null;
  pen.globalAlpha =
    (alone ? 0.5 : 1) * Math.max(0.12, Math.min(0.55, 60 / lines.length)) * (scene.overTime ? 0.75 : 1);
  pen.strokeStyle = palette.ink3;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const line of lines) trace(pen, line);
  pen.stroke();
  if (lines.length < 400) {
    pen.fillStyle = palette.ink3;
    pen.beginPath();
    for (const line of lines) head(pen, line);
    pen.fill();
  }
  pen.globalAlpha = 1;
  return lines.length;
}

/** Rectangles by state, one path for each colour; over time maps show what is in them. */
function blocks(
  easel: Easel,
  places: readonly number[],
  screen: (p: number) => Box,
  dims: (p: number) => boolean,
): void {
  const { pen, palette, scene } = easel;
  const groups = new Map<number, Box[]>();
  const maps: { box: Box; place: number; back: boolean }[] = [];
  const large: number[] = [];
  for (const place of places) {
    const found = screen(place);
    const box = { ...found, width: Math.max(found.width, 1.5), height: Math.max(found.height, 1) };
    const back = dims(place);
    if (box.width >= WORDS_FROM && box.height > ONE_LINE && large.length < WORDS_UP_TO) {
      large.push(place);
      continue;
    }
    if (box.width > 12 && box.height > 3 && scene.nodes.histograms.has(scene.row(place))) {
      maps.push({ box, place, back });
      continue;
    }
    const key = scene.state(place) * 2 + (back ? 1 : 0);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [box]);
    else group.push(box);
  }
  for (const [key, boxes] of groups) {
    pen.globalAlpha = key % 2 === 1 ? BACK : 1;
    pen.fillStyle = paintOf(palette, key >> 1).solid;
    pen.beginPath();
    for (const { x, y, width, height } of boxes) pen.rect(x, y, width, height);
    pen.fill();
  }
  for (const { box, place, back } of maps) {
    pen.globalAlpha = back ? BACK : 1;
    histogram(easel, box, shares(scene, scene.row(place)), false);
  }
  details(easel, large, screen, dims);
}

function details(
  easel: Easel,
  places: readonly number[],
  screen: (p: number) => Box,
  dims: (p: number) => boolean,
): void {
  const { pen, scene } = easel;
  const going = new Set(scene.going);
  // Places come row by row from left to right: what comes next ends the room for a name beside a bar.
  const next = (at: number): number => {
    const place = places[at + 1];
    const same = place !== undefined && scene.layout.y[place] === scene.layout.y[places[at] ?? 0];
    const box = same ? screen(place) : undefined;
    return box !== undefined && box.x >= screen(places[at] ?? 0).x ? box.x : Infinity;
  };
  for (const [at, place] of places.entries()) {
    pen.globalAlpha = dims(place) ? BACK : 1;
    if (scene.overTime) drawBar(easel, place, screen(place), going.has(place), next(at));
    else drawCard(easel, place, screen(place));
  }
  pen.globalAlpha = 1;
}

/** What is selected or under the pointer with its neighbours, and the critical path: whatever the level. */
function outstanding(easel: Easel, screen: (place: number) => Box, marks: Marks, level: Level): void {
  const { pen, palette, scene } = easel;
  const placeOf = (row: number): number => (row < 0 ? -1 : (scene.placeOf[row] ?? -1));
  if (marks.critical !== null) path(easel, screen, marks.critical, level);
  const chosen = placeOf(marks.selected);
  const under = placeOf(marks.hovered);
  for (const place of new Set([under, chosen])) {
    if (place < 0) continue;
    const lines: Curve[] = [];
    scene.linksOf(place, (other, leads) => {
      if (lines.length < MOST_EDGES)
        lines.push(leads ? curve(screen(place), screen(other)) : curve(screen(other), screen(place)));
    });
    stroke(pen, lines, palette.accent, place === chosen ? 2 : 1.5, lines.length > 300 ? 0.35 : 0.95);
  }
  if (under >= 0 && under !== chosen) ring(pen, screen(under), palette.ink2, 1.5);
  if (chosen >= 0) ring(pen, screen(chosen), palette.accent, 2.5);
}

function path(easel: Easel, screen: (place: number) => Box, rows: ReadonlySet<number>, level: Level): void {
  const { pen, palette, scene } = easel;
  const lines: Curve[] = [];
  for (const row of rows) {
    const place = scene.placeOf[row] ?? -1;
    if (place < 0) continue;
    scene.linksOf(place, (other, leads) => {
      if (leads && rows.has(scene.row(other))) lines.push(curve(screen(place), screen(other)));
    });
    if (level !== "near") ring(pen, screen(place), palette.ink, 1.5);
  }
  stroke(pen, lines, palette.ink, 2, 0.9);
}

function stroke(
  pen: CanvasRenderingContext2D,
  lines: readonly Curve[],
  colour: string,
  width: number,
  alpha: number,
): void {
  if (lines.length === 0) return;
  pen.globalAlpha = alpha;
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  for (const line of lines) trace(pen, line);
  pen.stroke();
  pen.beginPath();
  for (const line of lines) head(pen, line);
  pen.fill();
  pen.globalAlpha = 1;
}

function ring(pen: CanvasRenderingContext2D, box: Box, colour: string, width: number): void {
  const wide = Math.max(box.width, 6);
  const high = Math.max(box.height, 6);
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  pen.roundRect(
    box.x - (wide - box.width) / 2 - 2,
    box.y - (high - box.height) / 2 - 2,
    wide + 4,
    high + 4,
    6,
  );
  pen.stroke();
}
