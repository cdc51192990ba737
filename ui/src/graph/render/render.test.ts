import { describe, expect, it } from "vitest";

import type { Layout, LayoutKind } from "../types";
import { marks, step } from "./axis";
import { Buckets } from "./buckets";
import { between, kept, looking, visible, zoomed } from "./camera";
import { plainLayout, someNodes } from "./fixtures";
import { Scene } from "./scene";

const LIMITS = { leastX: 0.1, mostX: 10, leastY: 0.1, mostY: 10 };
const NO_INSETS = { left: 0, top: 0, right: 0, bottom: 0 };

describe("a camera", () => {
  it("keeps what is under the pointer there when it comes nearer", () => {
    const before = { x: 5, y: 7, sx: 2, sy: 1 };
    const after = zoomed(before, 100, 50, 3, LIMITS);
    expect(after.x + 100 / after.sx).toBeCloseTo(before.x + 100 / before.sx);
    expect(after.y + 50 / after.sy).toBeCloseTo(before.y + 50 / before.sy);
    expect(after.sx).toBe(6);
  });

  it("stops at its limits, each way for itself", () => {
    const after = zoomed({ x: 0, y: 0, sx: 1, sy: 8 }, 0, 0, 4, LIMITS);
    expect([after.sx, after.sy]).toEqual([4, 10]);
  });

  it("looks at the middle of what fits, and at the corner of what does not", () => {
    const small = looking({ x: 0, y: 0, width: 10, height: 10 }, 1, 1, 100, 50, NO_INSETS);
    expect(visible(small, 100, 50)).toEqual({ x: -45, y: -20, width: 100, height: 50 });
    const large = looking({ x: 3, y: 4, width: 1000, height: 1000 }, 1, 1, 100, 50, NO_INSETS);
    expect([large.x, large.y]).toEqual([3, 4]);
  });

  it("never leaves the graph", () => {
    const lost = { x: 5000, y: -5000, sx: 1, sy: 1 };
    const back = kept(lost, { x: 0, y: 0, width: 100, height: 100 }, 200, 200);
    expect([back.x, back.y]).toEqual([0, -100]);
  });

  it("flies from one place to another", () => {
    const [from, to] = [
      { x: 0, y: 0, sx: 1, sy: 1 },
      { x: 10, y: 20, sx: 4, sy: 1 },
    ];
    expect(between(from, to, 0)).toEqual(from);
    expect(between(from, to, 1)).toEqual(to);
    expect(between(from, to, 0.5)).toEqual({ x: 5, y: 10, sx: 2, sy: 1 });
  });
});

describe("buckets", () => {
  it.each<LayoutKind>(["time", "dependencies"])("find exactly what touches a box, by %s", (kind) => {
    const layout = plainLayout(someNodes(2000), kind);
    const buckets = new Buckets(layout);
    const { extent } = layout;
    for (const [x, y, width, height] of [
      [0, 0, 1, 1],
      [0.3, 0.2, 0.1, 0.05],
      [0.9, 0.9, 0.5, 0.5],
      [-1, 0.4, 3, 0.001],
    ] as const) {
      const box = {
        x: extent.x + x * extent.width,
        y: extent.y + y * extent.height,
        width: width * extent.width,
        height: height * extent.height,
      };
      const found: number[] = [];
      buckets.within(box, (place) => found.push(place));
      expect(new Set(found).size).toBe(found.length);
      expect(found.sort((one, other) => one - other)).toEqual(plainly(layout, box));
    }
  });
});

function plainly(layout: Layout, box: { x: number; y: number; width: number; height: number }): number[] {
  return Array.from(layout.shown, (_, place) => place).filter((place) => {
    const [x, y] = [layout.x[place] ?? 0, layout.y[place] ?? 0];
    return (
      x <= box.x + box.width &&
      x + (layout.width[place] ?? 0) >= box.x &&
      y < box.y + box.height &&
      y + (layout.height[place] ?? 0) > box.y
    );
  });
}

describe("a scene", () => {
  it("lets what goes on grow until now, without a new layout", () => {
    const nodes = someNodes(3);
    nodes.ended[1] = NaN;
    nodes.states[1] = 2;
    const scene = new Scene(nodes, plainLayout(nodes, "time"), new Set());
    const place = scene.placeOf[1] ?? -1;
    const started = nodes.started[1] ?? NaN;
    expect(scene.box(place, started + 90_000).width).toBe(90_000);
    expect(scene.extent(started + 90_000).width).toBeGreaterThanOrEqual(90_000);
  });

  it("knows both ends of each edge", () => {
    const nodes = someNodes(200);
    const scene = new Scene(nodes, plainLayout(nodes, "dependencies"), new Set());
    const linked: [number, boolean][] = [];
    scene.linksOf(scene.placeOf[150] ?? -1, (other, leads) => linked.push([scene.row(other), leads]));
    expect(linked).toContainEqual([50, false]);
    const back: [number, boolean][] = [];
    scene.linksOf(scene.placeOf[50] ?? -1, (other, leads) => back.push([scene.row(other), leads]));
    expect(back).toContainEqual([150, true]);
  });
});

describe("the scale over time", () => {
  it("has round steps", () => {
    expect([0.3, 3, 30, 400, 1500, 40_000, 3_000_000, 50_000_000].map(step)).toEqual([
      0.5, 5, 50, 500, 2000, 60_000, 3_600_000, 86_400_000,
    ]);
  });

  it("begins with the run", () => {
    expect(marks(900, 3000, 1000, 0.2)).toEqual([0, 500, 1000, 1500, 2000]);
  });
});
