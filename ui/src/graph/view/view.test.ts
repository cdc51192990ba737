import { describe, expect, it } from "vitest";

import { codeOf } from "../tally";
import { plainLayout, someNodes } from "../render/fixtures";
import { Scene } from "../render/scene";
import type { Nodes } from "../types";
import { holdersOf, matching } from "./search";
import { step } from "./walk";
import { inWords, totals } from "./words";

const NOW = Date.parse("2026-11-22T04:00:00Z");

/** Four nodes: 0 and 1 hold nothing, 2 is a map, 3 an item of it. */
function withMap(): Nodes {
  const nodes = someNodes(4);
  return {
    ...nodes,
    kinds: ["task-run", "task-run", "map", "task-run"],
    labels: ["load", "Clean", "part", "part-7"],
    holders: Int32Array.from([-1, -1, -1, 2]),
    sizes: Int32Array.from([1, 1, 40, 1]),
    states: Uint8Array.from([codeOf("COMPLETED"), codeOf("RUNNING"), codeOf("FAILED"), codeOf("FAILED")]),
    histograms: new Map([
      [
        2,
        new Map([
          [codeOf("COMPLETED"), 38],
          [codeOf("FAILED"), 2],
        ]),
      ],
    ]),
  };
}

describe("search", () => {
  it("finds a part of a name in any case, and nothing for nothing", () => {
    expect(matching(withMap(), "cLEA")).toEqual([1]);
    expect(matching(withMap(), "part")).toEqual([2, 3]);
    expect(matching(withMap(), "  ")).toBeNull();
  });

  it("knows what must be opened", () => {
    expect(holdersOf(withMap(), 3)).toEqual([2]);
    expect(holdersOf(withMap(), 0)).toEqual([]);
  });
});

describe("words", () => {
  it("count a map's items once", () => {
    expect(totals(withMap())).toEqual(
      new Map([
        [codeOf("COMPLETED"), 39],
        [codeOf("RUNNING"), 1],
        [codeOf("FAILED"), 2],
      ]),
    );
  });

  it("say what a node is, with what is grave first", () => {
    expect(inWords(withMap(), 2, NOW)).toMatch(/^part × 40, 2 failed, 38 completed, /);
    expect(inWords(withMap(), 0, NOW)).toMatch(/^load, completed, /);
  });
});

describe("walking", () => {
  const nodes = someNodes(300);
  const scene = new Scene(nodes, plainLayout(nodes, "dependencies"), new Set());

  it("begins at the upper left and goes along edges and to neighbours", () => {
    const first = step(scene, -1, "right", NOW);
    expect(first).toBe(0);
    expect(step(scene, first, "right", NOW)).toBe(100);
    expect(step(scene, 100, "left", NOW)).toBe(0);
    expect(step(scene, 0, "down", NOW)).toBe(1);
    expect(step(scene, 1, "up", NOW)).toBe(0);
  });

  it("stays at the end", () => {
    expect(step(scene, 0, "up", NOW)).toBe(0);
    expect(step(scene, 0, "left", NOW)).toBe(0);
  });
});
