import { RANGES, type Range } from "@/lib/filters";

/** What the page of events shows, as it stands in its address. */
export interface EventSearch {
  range?: Range;
  /** A stretch that was dragged out of the histogram; it goes before `range`. */
  since?: string;
  until?: string;
  /** The beginning of names. */
  event?: string;
  /** The id of a resource; `*` at its end for all that begin so. */
  resource?: string;
  text?: string;
}

function moment(value: unknown): string | undefined {
  return typeof value === "string" && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

export function readEventSearch(search: Record<string, unknown>): EventSearch {
  const read: EventSearch = {};
  const range = search["range"];
  if (typeof range === "string" && range in RANGES) read.range = range as Range;
  const since = moment(search["since"]);
  const until = moment(search["until"]);
  if (since !== undefined && until !== undefined && since < until) Object.assign(read, { since, until });
  for (const field of ["event", "resource", "text"] as const) {
    const value = search[field];
    if (typeof value === "string" && value.trim() !== "") read[field] = value.trim();
    else if (typeof value === "number") read[field] = String(value);
  }
  return read;
}

/** The stretch of time that is looked at: a fixed one, or the last so many seconds. */
export function stretchOf(search: EventSearch, now: number): { since: string; until: string } {
  if (search.since !== undefined && search.until !== undefined)
    return { since: search.since, until: search.until };
  // To the minute, so that the same question is asked for a minute.
  const end = Math.ceil(now / 60_000) * 60_000;
  return {
    since: new Date(end - RANGES[search.range ?? "24h"] * 1000).toISOString(),
    until: new Date(end).toISOString(),
  };
}

/** The address of the stream that tells of what a search finds. */
export function streamPath(search: EventSearch): string {
  const query = new URLSearchParams();
  if (search.event !== undefined) query.append("event", search.event);
  if (search.resource !== undefined) query.append("resource", search.resource);
  if (search.text !== undefined) query.append("text", search.text);
  const asked = query.toString();
  return `/api/events/stream${asked === "" ? "" : `?${asked}`}`;
}

/** The moments between which somebody dragged, from two places across the histogram (0 to 1). */
export function dragged(
  from: number,
  to: number,
  since: string,
  until: string,
): { since: string; until: string } | null {
  const start = Date.parse(since);
  const length = Date.parse(until) - start;
  const clamp = (share: number): number => Math.min(1, Math.max(0, share));
  const [low, high] = [clamp(Math.min(from, to)), clamp(Math.max(from, to))];
  if ((high - low) * length < 1000) return null; // a click, or less than a second
  return {
    since: new Date(Math.round(start + low * length)).toISOString(),
    until: new Date(Math.round(start + high * length)).toISOString(),
  };
}

/** Where an event's resource or what is related to it is shown, if it is. */
export function placeOf(resource: Record<string, string>): { kind: "run" | "task"; id: string } | null {
  const found = /^(?:levada|prefect)\.(flow|task)-run\.([0-9a-f-]{36})$/.exec(
    resource["levada.resource.id"] ?? resource["prefect.resource.id"] ?? resource["id"] ?? "",
  );
  if (found?.[2] === undefined) return null;
  return { kind: found[1] === "flow" ? "run" : "task", id: found[2] };
}
