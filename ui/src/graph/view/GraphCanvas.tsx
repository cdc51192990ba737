import { type ReactNode, type Ref, useEffect, useImperativeHandle, useRef, useState } from "react";

import { useTheme } from "@/lib/theme";

import type { Marks } from "../render/painting";
import { readPalette } from "../render/palette";
import { GraphRenderer } from "../render/renderer";
import type { Scene } from "../render/scene";
import { listenToGestures } from "./gestures";
import { Tip } from "./Tip";

interface GraphCanvasProps {
  scene: Scene;
  marks: Omit<Marks, "hovered">;
  /** The node under the pointer that was clicked; -1: none. */
  onClick: (row: number) => void;
  onDouble: (row: number) => void;
  /** Whether a panel covers a part: at the right, on a phone below. */
  covered: boolean;
  /** Told after each picture, for the small map. */
  onDrawn?: (renderer: GraphRenderer) => void;
  ref?: Ref<GraphRenderer | null>;
  children?: ReactNode;
}

/** Pixels of the panel with its margin, and what part of a phone's picture it takes. */
const PANEL = 336;
const PANEL_SHARE = 0.55;

/** The picture itself, moved by fingers, mouse and wheel. Keys are the business of who shows it. */
export function GraphCanvas({
  scene,
  marks,
  onClick,
  onDouble,
  covered,
  onDrawn,
  ref,
  children,
}: GraphCanvasProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [renderer, setRenderer] = useState<GraphRenderer | null>(null);
  const [under, setUnder] = useState({ row: -1, x: 0, y: 0 });
  const { dark, palette } = useTheme();
  const heard = useRef({ onClick, onDouble, onDrawn });
  useEffect(() => {
    heard.current = { onClick, onDouble, onDrawn };
  });

  useEffect(() => {
    const [frame, pen] = [box.current, canvas.current];
    if (frame === null || pen === null) return;
    const made = new GraphRenderer(pen, readPalette(), { drawn: () => heard.current.onDrawn?.(made) });
    const fit = (): void => made.resize(frame.clientWidth, frame.clientHeight, devicePixelRatio);
    const watch = new ResizeObserver(fit);
    watch.observe(frame);
    fit();
    const deaf = listenToGestures(frame, made, {
      hovered: (row, x, y) =>
        setUnder((before) =>
          row < 0 && before.row < 0 ? before : { row, x: Math.round(x), y: Math.round(y) },
        ),
      clicked: (row) => heard.current.onClick(row),
      doubled: (row) => heard.current.onDouble(row),
    });
    setRenderer(made);
    return () => {
      deaf();
      watch.disconnect();
      made.close();
    };
  }, []);

  useImperativeHandle<GraphRenderer | null, GraphRenderer | null>(ref, () => renderer, [renderer]);
  useEffect(() => renderer?.recolour(readPalette()), [renderer, dark, palette]);
  useEffect(() => {
    const isNarrow = matchMedia("(width < 40rem)").matches;
    if (!covered) renderer?.cover(0, 0);
    else if (isNarrow) renderer?.cover(0, renderer.height * PANEL_SHARE);
    else renderer?.cover(PANEL, 0);
  }, [renderer, covered]);
  useEffect(() => renderer?.show(scene), [renderer, scene]);
  useEffect(() => renderer?.mark({ ...marks, hovered: under.row }), [renderer, marks, under.row]);

  return (
    <div className="absolute inset-0 cursor-grab touch-none select-none" ref={box}>
      <canvas ref={canvas} className="pointer-events-none block size-full" aria-hidden />
      {under.row >= 0 && under.row < scene.nodes.count && (
        <Tip nodes={scene.nodes} row={under.row} x={under.x} y={under.y} width={renderer?.width ?? 0} />
      )}
      {children}
    </div>
  );
}
