/** The scale over time: round steps since the run began. */

import { duration } from "@/lib/time";

import type { Camera } from "./camera";
import type { Palette } from "./palette";

/** Pixels of the strip at the top. */
export const AXIS = 24;

/** Pixels between two marks, at the least. */
const APART = 96;

const DECIMAL = [1, 2, 5];
const LONGER = [
  1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000,
  7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000,
];

/** The least round number of milliseconds that is not below `least`. */
export function step(least: number): number {
  if (least > 1000) {
    const found = LONGER.find((one) => one >= least);
    return found ?? Math.ceil(least / 86_400_000) * 86_400_000;
  }
  const power = 10 ** Math.floor(Math.log10(least));
  return (DECIMAL.find((one) => one * power >= least) ?? 10) * power;
}

/** Moments since `zero`, in milliseconds, between two points of the layout. */
export function marks(from: number, to: number, zero: number, pixelsPerUnit: number): number[] {
  const size = step(APART / pixelsPerUnit);
  const found: number[] = [];
  for (let at = Math.max(0, Math.ceil((from - zero) / size)); zero + at * size <= to; at += 1)
    found.push(at * size);
  return found;
}

function words(ms: number): string {
  return ms === 0 ? "0" : duration(ms / 1000);
}

export function drawGridLines(
  pen: CanvasRenderingContext2D,
  camera: Camera,
  zero: number,
  width: number,
  height: number,
  palette: Palette,
): void {
  pen.strokeStyle = palette.line;
  pen.globalAlpha = 0.6;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const mark of marks(camera.x, camera.x + width / camera.sx, zero, camera.sx)) {
    const at = Math.round((zero + mark - camera.x) * camera.sx) + 0.5;
    pen.moveTo(at, AXIS);
    pen.lineTo(at, height);
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

export function drawAxis(
  pen: CanvasRenderingContext2D,
  camera: Camera,
  zero: number,
  width: number,
  palette: Palette,
): void {
  pen.fillStyle = palette.surface;
  pen.fillRect(0, 0, width, AXIS);
  pen.fillStyle = palette.line;
  pen.fillRect(0, AXIS - 1, width, 1);
  pen.fillStyle = palette.ink3;
  pen.font = `11px ${palette.font}`;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  for (const mark of marks(camera.x - 120 / camera.sx, camera.x + width / camera.sx, zero, camera.sx)) {
    const at = Math.round((zero + mark - camera.x) * camera.sx);
    pen.fillRect(at, AXIS - 6, 1, 5);
    pen.fillText(words(mark), at + 4, AXIS / 2 - 1);
  }
}
