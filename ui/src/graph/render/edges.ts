/** Lines from what was waited for to who waited. */

import type { Box } from "./camera";

/** How an edge leaves and enters, in pixels. */
export interface Curve {
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
  /** Whether it goes down rather than to the right. */
  readonly down: boolean;
}

export function curve(from: Box, to: Box): Curve {
  const down = to.y >= from.y + from.height && to.x < from.x + from.width;
  return down
    ? {
        fromX: from.x + Math.min(from.width / 2, 14),
        fromY: from.y + from.height,
        toX: to.x + Math.min(to.width / 2, 14),
        toY: to.y,
        down,
      }
    : {
        fromX: from.x + from.width,
        fromY: from.y + from.height / 2,
        toX: to.x,
        toY: to.y + to.height / 2,
        down,
      };
}

export function trace(pen: CanvasRenderingContext2D, { fromX, fromY, toX, toY, down }: Curve): void {
  pen.moveTo(fromX, fromY);
  if (down) {
    const bend = Math.max(8, (toY - fromY) / 2);
    pen.bezierCurveTo(fromX, fromY + bend, toX, toY - bend, toX, toY);
  } else {
    const bend = Math.max(5, Math.abs(toX - fromX) / 2);
    pen.bezierCurveTo(fromX + bend, fromY, toX - bend, toY, toX, toY);
  }
}

/** A small head where the edge ends. */
export function head(pen: CanvasRenderingContext2D, { toX, toY, down }: Curve): void {
  pen.moveTo(toX, toY);
  if (down) {
    pen.lineTo(toX - 3, toY - 5);
    pen.lineTo(toX + 3, toY - 5);
  } else {
    pen.lineTo(toX - 5, toY - 3);
    pen.lineTo(toX - 5, toY + 3);
  }
  pen.closePath();
}
