import { Maximize, Minus, Plus } from "lucide-react";

import { Button } from "@/components/ui/button";

import type { GraphRenderer } from "../render/renderer";

export const ZOOM_STEP = 1.6;

/** For who has neither wheel nor touchpad. */
export function ZoomButtons({ renderer }: { renderer: () => GraphRenderer | null }) {
  const parts = [
    { label: "Nearer", icon: Plus, act: () => renderer()?.zoomSmoothly(ZOOM_STEP) },
    { label: "Further away", icon: Minus, act: () => renderer()?.zoomSmoothly(1 / ZOOM_STEP) },
    { label: "Show all of the graph", icon: Maximize, act: () => renderer()?.fit() },
  ];
  return (
    <div className="absolute right-2 bottom-2 flex flex-col overflow-hidden rounded-md border border-line bg-surface shadow-sm">
      {parts.map(({ label, icon: Icon, act }) => (
        <Button
          key={label}
          look="ghost"
          className="size-8 rounded-none px-0"
          aria-label={label}
          title={label}
          onClick={act}
        >
          <Icon size={15} aria-hidden />
        </Button>
      ))}
    </div>
  );
}
