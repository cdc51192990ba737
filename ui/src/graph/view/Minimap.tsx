import { useCallback, useEffect, useImperativeHandle, useRef, type PointerEvent, type Ref } from "react";

import { useTheme } from "@/lib/theme";

import { Density } from "../render/density";
import { readPalette } from "../render/palette";
import type { GraphRenderer } from "../render/renderer";
import type { Scene } from "../render/scene";

const WIDTH = 168;
const HEIGHT = 96;
const PAD = 6;

/** Moves the frame to what the renderer shows. */
export interface MinimapHandle {
  follow: (renderer: GraphRenderer) => void;
}

interface MinimapProps {
  scene: Scene;
  /** Looks at this point of the layout. */
  onLook: (x: number, y: number) => void;
  ref?: Ref<MinimapHandle>;
}

/** All of the graph in a corner, and what of it is seen. */
export function Minimap({ scene, onLook, ref }: MinimapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const whole = useRef<HTMLDivElement>(null);
  const { dark, palette } = useTheme();

  useEffect(() => {
    const pen = canvas.current?.getContext("2d") ?? null;
    if (pen === null) return;
    const { x, y, sx, sy } = scales(scene);
    const colours = readPalette();
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, WIDTH, HEIGHT);
    new Density().draw(
      pen,
      scene,
      scene.all,
      { x, y, sx, sy },
      WIDTH,
      HEIGHT,
      Date.now(),
      colours,
      () => false,
    );
  }, [scene, dark, palette]);

  const follow = useCallback(
    ({ camera, width, height }: GraphRenderer) => {
      if (frame.current === null || whole.current === null) return;
      const { x, y, sx, sy } = scales(scene);
      const left = (camera.x - x) * sx;
      const top = (camera.y - y) * sy;
      const wide = (width / camera.sx) * sx;
      const high = (height / camera.sy) * sy;
      // When everything is seen there is nothing to say.
      const { extent } = scene.layout;
      const all =
        left <= PAD + 1 &&
        top <= PAD + 1 &&
        left + wide >= PAD - 1 + extent.width * sx &&
        top + high >= PAD - 1 + extent.height * sy;
      whole.current.style.visibility = all ? "hidden" : "visible";
      const [fromX, fromY] = [Math.max(0, left), Math.max(0, top)];
      frame.current.style.transform = `translate(${fromX}px, ${fromY}px)`;
      frame.current.style.width = `${Math.max(4, Math.min(WIDTH, left + wide) - fromX)}px`;
      frame.current.style.height = `${Math.max(4, Math.min(HEIGHT, top + high) - fromY)}px`;
    },
    [scene],
  );
  useImperativeHandle(ref, () => ({ follow }), [follow]);

  const look = (event: PointerEvent<HTMLDivElement>): void => {
    if (event.buttons === 0) return;
    const rect = event.currentTarget.getBoundingClientRect();
    const { x, y, sx, sy } = scales(scene);
    onLook(x + (event.clientX - rect.left) / sx, y + (event.clientY - rect.top) / sy);
  };
  return (
    <div
      ref={whole}
      aria-hidden
      className="absolute bottom-2 left-2 hidden cursor-crosshair touch-none overflow-hidden rounded border border-line bg-surface/90 shadow-sm sm:block"
      style={{ width: WIDTH, height: HEIGHT, visibility: "hidden" }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        look(event);
      }}
      onPointerMove={look}
    >
      <canvas
        ref={canvas}
        width={WIDTH * devicePixelRatio}
        height={HEIGHT * devicePixelRatio}
        className="size-full"
      />
      <div
        ref={frame}
        className="absolute top-0 left-0 rounded-sm border-[1.5px] border-accent bg-accent/10"
      />
    </div>
  );
}

function scales({ layout: { extent } }: Scene): { x: number; y: number; sx: number; sy: number } {
  const sx = (WIDTH - PAD * 2) / Math.max(extent.width, 1e-6);
  // A few rows are not drawn as thick as the map is high.
  const sy = Math.min((HEIGHT - PAD * 2) / Math.max(extent.height, 1e-6), 8);
  return { x: extent.x - PAD / sx, y: extent.y - PAD / sy, sx, sy };
}
