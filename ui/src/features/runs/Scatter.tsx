import { useNavigate } from "@tanstack/react-router";
import { type MouseEvent, useEffect, useRef, useState } from "react";

import type { FlowRun } from "@/api/flowRuns";
import { lookOf } from "@/lib/states";
import { useTheme } from "@/lib/theme";
import { duration, secondsBetween, shortTime } from "@/lib/time";

export interface Point {
  run: FlowRun;
  x: number;
  y: number;
}

const PAD = { left: 52, right: 10, top: 8, bottom: 20 };
const HEIGHT = 180;
const NEAR = 10;

/** Where each run is drawn: when it began across, how long it took upwards, by logarithm from 10 ms on. */
export function place(
  runs: readonly FlowRun[],
  width: number,
  from: number,
  to: number,
  now: Date,
): { points: Point[]; top: number } {
  const took = runs.map((run) => secondsBetween(run.start_time, run.end_time, now));
  const top = Math.max(1, ...took.map((one) => one ?? 0));
  const scale = (seconds: number): number =>
    Math.log10(1 + Math.max(0, seconds) * 100) / Math.log10(1 + top * 100);
  const points = runs.flatMap((run, index) => {
    const seconds = took[index];
    if (seconds == null || run.start_time == null) return [];
    const share = (Date.parse(run.start_time) - from) / Math.max(1, to - from);
    return [
      {
        run,
        x: PAD.left + share * (width - PAD.left - PAD.right),
        y: PAD.top + (1 - scale(seconds)) * (HEIGHT - PAD.top - PAD.bottom),
      },
    ];
  });
  return { points, top };
}

interface ScatterProps {
  runs: readonly FlowRun[];
  since: string;
  until: string;
}

/** Runs by when they began and how long they took. */
export function Scatter({ runs, since, until }: ScatterProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const points = useRef<Point[]>([]);
  const [width, setWidth] = useState(600);
  const [near, setNear] = useState<Point | null>(null);
  const navigate = useNavigate();
  const { dark, palette } = useTheme();

  useEffect(() => {
    const box = canvas.current?.parentElement;
    if (box == null) return;
    const watcher = new ResizeObserver(() => setWidth(box.clientWidth));
    watcher.observe(box);
    return () => watcher.disconnect();
  }, []);

  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (element === null || pen == null) return;
    const ratio = window.devicePixelRatio;
    element.width = width * ratio;
    element.height = HEIGHT * ratio;
    pen.scale(ratio, ratio);
    pen.clearRect(0, 0, width, HEIGHT);
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name.replace(/^var\(|\)$/g, ""));
    const from = Date.parse(since);
    const to = Date.parse(until);
    const placed = place(runs, width, from, to, new Date());
    points.current = placed.points;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "right";
    for (const seconds of [0.1, 1, 10, 60, 600, 3600, 36_000, 86_400]) {
      if (seconds > placed.top) break;
      const share = Math.log10(1 + seconds * 100) / Math.log10(1 + placed.top * 100);
      const y = PAD.top + (1 - share) * (HEIGHT - PAD.top - PAD.bottom);
      pen.fillStyle = colour("--line");
      pen.fillRect(PAD.left, y, width - PAD.left - PAD.right, 1);
      pen.fillStyle = colour("--ink-3");
      pen.fillText(duration(seconds), PAD.left - 6, y + 4);
    }
    const ticks = width > 500 ? 5 : 3;
    for (let index = 0; index < ticks; index++) {
      const share = index / (ticks - 1);
      pen.textAlign = index === 0 ? "left" : index === ticks - 1 ? "right" : "center";
      pen.fillStyle = colour("--ink-3");
      const text = shortTime(new Date(from + share * (to - from))).replace(/:\d\d$/, "");
      pen.fillText(text, PAD.left + share * (width - PAD.left - PAD.right), HEIGHT - 4);
    }
    for (const { run, x, y } of placed.points) {
      pen.fillStyle = colour(lookOf(run.state_type, run.state_name).colour);
      pen.globalAlpha = 0.75;
      pen.beginPath();
      pen.arc(x, y, 3.5, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }, [runs, width, since, until, dark, palette]);

  const find = (event: MouseEvent): Point | null => {
    const box = canvas.current?.getBoundingClientRect();
    if (box === undefined) return null;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best: Point | null = null;
    let least = NEAR * NEAR;
    for (const point of points.current) {
      const away = (point.x - x) ** 2 + (point.y - y) ** 2;
      if (away < least) [best, least] = [point, away];
    }
    return best;
  };

  return (
    <div className="relative w-full overflow-hidden" style={{ height: HEIGHT }}>
      {/* The list below says the same to those who do not see it or have no mouse. */}
      <canvas
        ref={canvas}
        aria-hidden
        className={near === null ? "" : "cursor-pointer"}
        style={{ width, height: HEIGHT }}
        onMouseMove={(event) => setNear(find(event))}
        onMouseLeave={() => setNear(null)}
        onClick={(event) => {
          const point = find(event);
          if (point !== null) void navigate({ to: "/runs/$run", params: { run: point.run.id } });
        }}
      />
      {near !== null && (
        <div
          className="pointer-events-none absolute rounded-md bg-ink px-2 py-1 text-xs whitespace-nowrap text-canvas"
          style={{ left: Math.min(near.x + 8, width - 220), top: Math.max(0, near.y - 30) }}
        >
          {near.run.flow_name} / {near.run.name} · {near.run.state_name ?? near.run.state_type}
        </div>
      )}
    </div>
  );
}
