/**
 * Measures frames: a graph of many nodes is moved and zoomed for some seconds as a person would, once in each layout.
 * `measureFrames(nodes, milliseconds)` is called by `benchmarks/page/graph_frames.py`.
 */

import "@/index.css";

import { plainLayout, someNodes } from "../render/fixtures";
import type { Drawn } from "../render/painting";
import { readPalette } from "../render/palette";
import { GraphRenderer } from "../render/renderer";
import { Scene } from "../render/scene";
import type { LayoutKind, Nodes } from "../types";

/** What was measured in one layout. */
export interface Frames {
  readonly layout: LayoutKind;
  readonly nodes: number;
  /** Milliseconds until the first picture, with the index of what lies where. */
  readonly begin: number;
  readonly perSecond: number;
  /** Milliseconds between two frames, the longest. */
  readonly longest: number;
  /** Milliseconds of this thread for one picture: the middle and the longest. */
  readonly work: number;
  readonly longestWork: number;
  /** Frames drawn at each level of detail. */
  readonly levels: Readonly<Record<string, number>>;
}

/** One round of moving: in, about, out, as the share of time goes from 0 to 1. */
function move(renderer: GraphRenderer, share: number): void {
  const part = share * 4;
  // About a node in the middle of all, or everything would soon be empty.
  const box = renderer.boxOf((renderer.scene?.nodes.count ?? 0) >> 1);
  const [x, y] = box === undefined ? [0, 0] : [box.x, box.y];
  if (part < 0.4) renderer.pan(4, 2);
  else if (part < 1.4) renderer.zoom(1.04, x, y);
  else if (part < 1.8) renderer.pan(-10, -6);
  else if (part < 2.6) renderer.zoom(1.06, x, y);
  else if (part < 2.8) renderer.pan(8, 4);
  else renderer.zoom(0.94, x, y);
}

async function measured(nodes: Nodes, kind: LayoutKind, milliseconds: number): Promise<Frames> {
  const canvas = document.querySelector("canvas");
  if (canvas === null) throw new Error("The page has no canvas.");
  const levels: Record<string, number> = {};
  let pictures = 0;
  const heard = {
    drawn: ({ level }: Drawn): void => {
      levels[level] = (levels[level] ?? 0) + 1;
      pictures += 1;
    },
  };
  const layout = plainLayout(nodes, kind);
  const begin = performance.now();
  const renderer = new GraphRenderer(canvas, readPalette(), heard);
  renderer.resize(innerWidth, innerHeight, devicePixelRatio);
  renderer.show(new Scene(nodes, layout, new Set()));
  renderer.paintNow();
  const began = performance.now();
  const gaps: number[] = [];
  const works: number[] = [];
  let last = began;
  pictures = 0;
  for (let now = began; now - began < milliseconds;) {
    const before = pictures;
    move(renderer, ((now - began) / 3000) % 1);
    const from = performance.now();
    renderer.paintNow();
    works.push(performance.now() - from);
    now = await new Promise<number>((done) => requestAnimationFrame(() => done(performance.now())));
    if (pictures > before) gaps.push(now - last);
    last = now;
  }
  renderer.close();
  works.sort((one, other) => one - other);
  return {
    layout: kind,
    nodes: nodes.count,
    begin: began - begin,
    perSecond: (gaps.length * 1000) / (last - began),
    longest: Math.max(...gaps),
    work: works[works.length >> 1] ?? 0,
    longestWork: works.at(-1) ?? 0,
    levels,
  };
}

async function measureFrames(count: number, milliseconds: number): Promise<Frames[]> {
  const nodes = someNodes(count);
  return [await measured(nodes, "time", milliseconds), await measured(nodes, "dependencies", milliseconds)];
}

Object.assign(window, { measureFrames });
