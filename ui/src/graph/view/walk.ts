/** From node to node by keyboard: along edges where they lead that way, else to what lies nearest on that side. */

import type { Box } from "../render/camera";
import type { Scene } from "../render/scene";

export type Direction = "left" | "right" | "up" | "down";

/** How much further away something is that does not lie straight on. */
const ASIDE = 3;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The row where one comes to from a row; the same one at the end. -1 as `from` begins with the first node. */
export function step(scene: Scene, from: number, direction: Direction, now: number): number {
  const start = from < 0 ? -1 : (scene.placeOf[from] ?? -1);
  if (start < 0) return scene.layout.shown.length > 0 ? scene.row(first(scene)) : -1;
  const along = direction === "right" || direction === "left" ? linked(scene, start, direction, now) : -1;
  const found = along >= 0 ? along : beside(scene, start, direction, now);
  return found < 0 ? from : scene.row(found);
}

/** The uppermost of those furthest to the left. */
function first(scene: Scene): number {
  const { x, y, shown } = scene.layout;
  let best = 0;
  for (let place = 1; place < shown.length; place += 1) {
    const [ahead, other] = [x[place] ?? 0, x[best] ?? 0];
    if (ahead < other || (ahead === other && (y[place] ?? 0) < (y[best] ?? 0))) best = place;
  }
  return best;
}

/** Of what waited for it, or what it waited for, the one that is nearest in height. */
function linked(scene: Scene, start: number, direction: Direction, now: number): number {
  const here = middle(scene, scene.box(start, now));
  let best = -1;
  let least = Infinity;
  scene.linksOf(start, (other, leads) => {
    if (leads !== (direction === "right")) return;
    const there = middle(scene, scene.box(other, now));
    const far = Math.abs(there.y - here.y) + Math.abs(there.x - here.x) * 1e-6;
    if (far < least) [best, least] = [other, far];
  });
  return best;
}

function beside(scene: Scene, start: number, direction: Direction, now: number): number {
  const here = middle(scene, scene.box(start, now));
  let best = -1;
  let least = Infinity;
  for (let place = 0; place < scene.layout.shown.length; place += 1) {
    if (place === start) continue;
    const there = middle(scene, scene.box(place, now));
    const [ahead, aside] = apart(here, there, direction);
    if (ahead <= 0.5) continue;
    const far = ahead + aside * ASIDE;
    if (far < least) [best, least] = [place, far];
  }
  return best;
}

function apart(here: Point, there: Point, direction: Direction): [ahead: number, aside: number] {
  const x = there.x - here.x;
  const y = there.y - here.y;
  switch (direction) {
    case "left":
      return [-x, Math.abs(y)];
    case "right":
      return [x, Math.abs(y)];
    case "up":
      return [-y, Math.abs(x)];
    case "down":
      return [y, Math.abs(x)];
  }
}

/** Where a node is, in pixels at full size; over time by its beginning, for lines may be as long as the whole. */
function middle(scene: Scene, box: Box): Point {
  const across = scene.overTime ? 1000 / Math.max(scene.layout.extent.width, 1) : scene.fullX;
  const x = scene.overTime ? box.x : box.x + box.width / 2;
  return { x: x * across, y: (box.y + box.height / 2) * scene.fullY };
}
