/** Where one looks: pure arithmetic between units of a layout and pixels of the screen. */

/** The layout's point at the upper left corner, and pixels per unit both ways. */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly sx: number;
  readonly sy: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Between which scales one may zoom. */
export interface Limits {
  readonly leastX: number;
  readonly mostX: number;
  readonly leastY: number;
  readonly mostY: number;
}

/** What of the screen is for nodes, in pixels. */
export interface Insets {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), Math.max(least, most));
}

export function moved(camera: Camera, byX: number, byY: number): Camera {
  return { ...camera, x: camera.x - byX / camera.sx, y: camera.y - byY / camera.sy };
}

/** Nearer by `factor`, with what is under the pointer staying there. */
export function zoomed(camera: Camera, atX: number, atY: number, factor: number, limits: Limits): Camera {
  const sx = clamp(camera.sx * factor, limits.leastX, limits.mostX);
  const sy = clamp(camera.sy * factor, limits.leastY, limits.mostY);
  return {
    x: camera.x + atX / camera.sx - atX / sx,
    y: camera.y + atY / camera.sy - atY / sy,
    sx,
    sy,
  };
}

/** A camera of these scales that shows the box in the middle, or its upper left corner when it is too large. */
export function looking(
  box: Box,
  sx: number,
  sy: number,
  width: number,
  height: number,
  insets: Insets,
): Camera {
  const roomX = width - insets.left - insets.right;
  const roomY = height - insets.top - insets.bottom;
  const restX = Math.max(0, roomX - box.width * sx) / 2;
  const restY = Math.max(0, roomY - box.height * sy) / 2;
  return { x: box.x - (insets.left + restX) / sx, y: box.y - (insets.top + restY) / sy, sx, sy };
}

/** The point in the middle of the screen stays inside the box: nobody gets lost. */
export function kept(camera: Camera, box: Box, width: number, height: number): Camera {
  const x = clamp(camera.x + width / camera.sx / 2, box.x, box.x + box.width) - width / camera.sx / 2;
  const y = clamp(camera.y + height / camera.sy / 2, box.y, box.y + box.height) - height / camera.sy / 2;
  return x === camera.x && y === camera.y ? camera : { ...camera, x, y };
}

/** On the way from one to another, `share` from 0 to 1; scales change by ratio, so that zooming looks even. */
export function between(from: Camera, to: Camera, share: number): Camera {
  const ratio = (one: number, other: number): number => one * (other / one) ** share;
  const even = (one: number, other: number): number => one + (other - one) * share;
  return {
    x: even(from.x, to.x),
    y: even(from.y, to.y),
    sx: ratio(from.sx, to.sx),
    sy: ratio(from.sy, to.sy),
  };
}

/** What part of the layout is on the screen. */
export function visible(camera: Camera, width: number, height: number): Box {
  return { x: camera.x, y: camera.y, width: width / camera.sx, height: height / camera.sy };
}
