import { Link } from "@tanstack/react-router";
import { ChevronRight } from "lucide-react";

import type { Event } from "@/api/events";
import { CopyButton } from "@/components/Copy";
import { At } from "@/components/Moment";
import { placeOf } from "@/features/events/search";
import { lookOf } from "@/lib/states";

interface EventRowProps {
  event: Event;
  open: boolean;
  onToggle: () => void;
}

/** The type of the state that an event tells of, if it does. */
function stateOf(event: Event): string | null {
  const payload: unknown = event.payload;
  const to: unknown = typeof payload === "object" && payload !== null && "to" in payload ? payload.to : null;
  const type: unknown = typeof to === "object" && to !== null && "type" in to ? to.type : null;
  return typeof type === "string" ? type : null;
}

export function EventRow({ event, open, onToggle }: EventRowProps) {
  const state = stateOf(event);
  return (
    <div className="px-4 hover:bg-sunken/60">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-0.5 py-1.5 text-sm">
        <button
          type="button"
          onClick={onToggle}
          aria-expanded={open}
          className="flex min-w-0 flex-1 basis-72 items-center gap-2 text-left"
        >
          <ChevronRight size={14} aria-hidden className={open ? "shrink-0 rotate-90" : "shrink-0"} />
          <span className="w-36 shrink-0 text-xs text-ink-3">
            <At at={event.occurred} />
          </span>
          {state !== null && (
            <span aria-hidden className="w-4 text-center" style={{ color: lookOf(state).colour }}>
              {lookOf(state).mark}
            </span>
          )}
          <span className="min-w-0 break-words">{event.event}</span>
        </button>
        <span className="min-w-0 truncate text-xs">
          <Resource resource={event.resource} />
        </span>
      </div>
      {open && <Details event={event} />}
    </div>
  );
}

function Resource({ resource }: { resource: Record<string, string> }) {
  const place = placeOf(resource);
  const text = resource["name"] ?? resource["id"] ?? "";
  if (place === null) return <span className="text-ink-2">{text}</span>;
  return place.kind === "run" ? (
    <Link to="/runs/$run" params={{ run: place.id }} className="text-accent hover:underline">
      {text}
    </Link>
  ) : (
    <Link to="/task-runs/$task" params={{ task: place.id }} className="text-accent hover:underline">
      {text}
    </Link>
  );
}

function Details({ event }: { event: Event }) {
  const text = JSON.stringify(event, null, 2);
  const related = event.related ?? [];
  return (
    <div className="space-y-2 pb-3 pl-6">
      {related.length > 0 && (
        <p className="flex flex-wrap gap-x-4 gap-y-1 text-xs">
          <span className="text-ink-3">Related</span>
          {related.map((one, index) => (
            <span key={`${one["id"] ?? ""}${index}`}>
              {one["role"] !== undefined && <span className="text-ink-3">{one["role"]} </span>}
              <Resource resource={one} />
            </span>
          ))}
        </p>
      )}
      <div className="relative rounded-md border border-line bg-sunken">
        <div className="absolute top-1 right-1">
          <CopyButton text={text} label="Copy the event" />
        </div>
        <pre className="overflow-x-auto p-3 pr-10 font-mono text-xs break-words whitespace-pre-wrap">
          {text}
        </pre>
      </div>
    </div>
  );
}
