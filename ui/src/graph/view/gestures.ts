/** What fingers, mice and wheels do to a graph. Returns what ends listening. */

import type { GraphRenderer } from "../render/renderer";

/** What happens at a point of the screen. */
export interface Pointed {
  /** The pointer is over a node, or over none (-1). */
  hovered: (row: number, x: number, y: number) => void;
  clicked: (row: number) => void;
  doubled: (row: number) => void;
}

/** Pixels that a pointer may stray and still click. */
const STILL = 5;
const DOUBLE_MS = 350;

interface Finger {
  x: number;
  y: number;
}

export function listenToGestures(box: HTMLElement, renderer: GraphRenderer, heard: Pointed): () => void {
  const fingers = new Map<number, Finger>();
  let strayed = 0;
  let asked = 0;
  let last = { row: -2, at: 0 };
  const at = (event: MouseEvent): Finger => {
    const rect = box.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  };

  const down = (event: PointerEvent): void => {
    if (event.button !== 0 || event.target !== box) return;
    box.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at(event));
    if (fingers.size === 1) strayed = 0;
    else strayed = STILL;
  };
  const move = (event: PointerEvent): void => {
    const now = at(event);
    const before = fingers.get(event.pointerId);
    if (before === undefined) {
      hover(now, event.pointerType === "touch");
      return;
    }
    const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, finger]) => finger);
    fingers.set(event.pointerId, now);
    const other = others[0];
    strayed += Math.hypot(now.x - before.x, now.y - before.y);
    if (strayed < STILL) return;
    box.style.cursor = "grabbing";
    heard.hovered(-1, 0, 0);
    if (other === undefined) renderer.pan(now.x - before.x, now.y - before.y);
    else pinch(renderer, before, now, other);
  };
  const hover = (point: Finger, isTouch: boolean): void => {
    if (isTouch || asked !== 0) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      const row = renderer.pick(point.x, point.y);
      box.style.cursor = row < 0 ? "grab" : "pointer";
      heard.hovered(row, point.x, point.y);
    });
  };
  const up = (event: PointerEvent): void => {
    const known = fingers.delete(event.pointerId);
    box.style.cursor = "grab";
    if (!known || event.type === "pointercancel" || strayed >= STILL || fingers.size > 0) return;
    const point = at(event);
    const row = renderer.pick(point.x, point.y);
    const again = row === last.row && event.timeStamp - last.at < DOUBLE_MS;
    last = again ? { row: -2, at: 0 } : { row, at: event.timeStamp };
    if (!again) heard.clicked(row);
    else if (row < 0) renderer.zoom(2, point.x, point.y);
    else heard.doubled(row);
  };
  const leave = (): void => {
    cancelAnimationFrame(asked);
    asked = 0;
    heard.hovered(-1, 0, 0);
  };
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const { x, y } = at(event);
    if (event.shiftKey) renderer.pan(-(event.deltaX || event.deltaY) * unit, 0);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) renderer.pan(-event.deltaX * unit, 0);
    // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
    else renderer.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), x, y);
  };

  const ends = new AbortController();
  const { signal } = ends;
  box.addEventListener("pointerdown", down, { signal });
  box.addEventListener("pointermove", move, { signal });
  box.addEventListener("pointerup", up, { signal });
  box.addEventListener("pointercancel", up, { signal });
  box.addEventListener("pointerleave", leave, { signal });
  box.addEventListener("wheel", wheel, { signal, passive: false });
  return () => {
    cancelAnimationFrame(asked);
    ends.abort();
  };
}

function pinch(renderer: GraphRenderer, before: Finger, now: Finger, other: Finger): void {
  const was = Math.hypot(before.x - other.x, before.y - other.y);
  const is = Math.hypot(now.x - other.x, now.y - other.y);
  const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
  renderer.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  if (was > 0) renderer.zoom(is / was, middle.x, middle.y);
}
