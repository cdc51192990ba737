import { useNavigate } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";
import { isStateType, lookOf, STATE_TYPES, stateWord } from "@/lib/states";
import { shortTime } from "@/lib/time";

type Bucket = Schemas["HistoryBucket"];

interface HistoryProps {
  buckets: Bucket[];
  height?: number;
  label: string;
}

interface Piece {
  type: string;
  count: number;
}

/** Counts of a bucket by type of state, in the order in which they are stacked. */
export function pieces(bucket: Bucket): Piece[] {
  const counts = new Map<string, number>();
  for (const one of bucket.states ?? []) counts.set(one.type, (counts.get(one.type) ?? 0) + one.count);
  return [...STATE_TYPES].reverse().flatMap((type) => {
    const count = counts.get(type) ?? 0;
    return count > 0 ? [{ type, count }] : [];
  });
}

function total(bucket: Bucket): number {
  return (bucket.states ?? []).reduce((sum, one) => sum + one.count, 0);
}

/** Runs over time, stacked by state. A bar leads to its runs. */
export function History({ buckets, height = 96, label }: HistoryProps) {
  const navigate = useNavigate();
  const most = Math.max(1, ...buckets.map(total));
  return (
    <div role="group" aria-label={label} className="flex items-end gap-px" style={{ height }}>
      {buckets.map((bucket) => {
        const count = total(bucket);
        const parts = pieces(bucket);
        const words = parts.map((one) => `${one.count} ${stateWord(one.type).toLowerCase()}`).join(", ");
        const text = `${shortTime(new Date(bucket.start))}: ${words || "no runs"}`;
        return (
          <button
            key={bucket.start}
            type="button"
            disabled={count === 0}
            title={text}
            aria-label={text}
            className="flex h-full min-w-0 flex-1 flex-col justify-end rounded-sm enabled:hover:bg-sunken"
            onClick={() => void navigate({ to: "/runs", search: { since: bucket.start, until: bucket.end } })}
          >
            {parts.map((one) => (
              <span
                key={one.type}
                className="block w-full first:rounded-t-sm"
                style={{
                  height: `${Math.max((one.count / most) * 100, 2)}%`,
                  background: lookOf(one.type).colour,
                }}
              />
            ))}
            {count === 0 && <span className="block h-px w-full bg-line" />}
          </button>
        );
      })}
    </div>
  );
}

interface CountsProps {
  counts: Record<string, number>;
  chosen: readonly string[];
  onToggle: (type: ReturnType<typeof asType>) => void;
}

function asType(text: string) {
  return isStateType(text) ? text : "COMPLETED";
}

/** How many runs are in which state; each leads to its runs. */
export function Counts({ counts, chosen, onToggle }: CountsProps) {
  return (
    <div className="flex flex-wrap gap-1.5" role="group" aria-label="States">
      {STATE_TYPES.filter((type) => (counts[type] ?? 0) > 0 || chosen.includes(type)).map((type) => {
        const look = lookOf(type);
        return (
          <button
            key={type}
            type="button"
            aria-pressed={chosen.includes(type)}
            onClick={() => onToggle(type)}
            className="flex items-center gap-1.5 rounded-full border border-line px-2.5 py-1 text-xs hover:bg-sunken aria-pressed:border-accent aria-pressed:bg-accent-soft"
          >
            <span aria-hidden style={{ color: look.colour }}>
              {look.mark}
            </span>
            {stateWord(type)}
            <span className="font-semibold">{(counts[type] ?? 0).toLocaleString()}</span>
          </button>
        );
      })}
    </div>
  );
}
