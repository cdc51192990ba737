import { useQuery } from "@tanstack/react-query";
import { type PointerEvent, useState } from "react";

import { eventHistogram, type EventQuery } from "@/api/events";
import { Trouble } from "@/components/Notices";
import { dragged } from "@/features/events/search";
import { shortTime } from "@/lib/time";

const BUCKETS = 96;

interface HistogramProps {
  query: EventQuery;
  since: string;
  until: string;
  onZoom: (stretch: { since: string; until: string }) => void;
}

/** How many events there were when. Dragging across it looks at that stretch. */
export function Histogram({ query, since, until, onZoom }: HistogramProps) {
  const found = useQuery(eventHistogram({ ...query, after: since, before: until }, BUCKETS));
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  if (found.error !== null) return <Trouble problem={found.error} retry={() => void found.refetch()} />;
  const parts = found.data ?? [];
  const most = Math.max(1, ...parts.map((part) => part.count));
  const all = parts.reduce((sum, part) => sum + part.count, 0);

  const share = (event: PointerEvent): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return (event.clientX - box.left) / box.width;
  };
  const end = (): void => {
    const stretch = drag === null ? null : dragged(drag.from, drag.to, since, until);
    setDrag(null);
    if (stretch !== null) onZoom(stretch);
  };
  return (
    <figure className="px-4 py-3">
      <div
        className="relative h-24 cursor-crosshair touch-pan-y select-none"
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: share(event), to: share(event) });
        }}
        onPointerMove={(event) => {
          if (drag !== null) setDrag({ from: drag.from, to: share(event) });
        }}
        onPointerUp={end}
        onPointerCancel={() => setDrag(null)}
      >
        <svg
          role="img"
          aria-label={`${all.toLocaleString()} events over time`}
          className="size-full"
          viewBox={`0 0 ${Math.max(1, parts.length)} 100`}
          preserveAspectRatio="none"
        >
          <line x1={0} x2={parts.length} y1={99.5} y2={99.5} stroke="var(--line)" strokeWidth={1} />
          {parts.map((part, index) => {
            const height = part.count === 0 ? 0 : Math.max(3, (part.count / most) * 98);
            return (
              <g key={part.label}>
                <title>{`${part.count.toLocaleString()} events from ${shortTime(new Date(part.start ?? part.label))}`}</title>
                <rect x={index} y={0} width={1} height={100} fill="transparent" />
                <rect x={index + 0.1} y={100 - height} width={0.8} height={height} fill="var(--accent)" />
              </g>
            );
          })}
        </svg>
        {drag !== null && (
          <div
            className="pointer-events-none absolute inset-y-0 border-x border-accent bg-accent/20"
            style={{
              left: `${Math.max(0, Math.min(drag.from, drag.to)) * 100}%`,
              right: `${(1 - Math.min(1, Math.max(drag.from, drag.to))) * 100}%`,
            }}
          />
        )}
      </div>
      <figcaption className="mt-1 flex flex-wrap justify-between gap-x-3 text-xs text-ink-3">
        <span>{shortTime(new Date(since))}</span>
        <span>
          {all.toLocaleString()} events · at most {most.toLocaleString()} at once · drag to zoom
        </span>
        <span>{shortTime(new Date(until))}</span>
      </figcaption>
    </figure>
  );
}
