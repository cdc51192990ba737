import type { Log } from "@/api/logs";

/**
 * The part of a log that is at hand: lines in the order in which they were written, whether there are earlier ones and
 * later ones on the server, and those that the stream brought while later ones are still to be fetched.
 */
export interface LogWindow {
  lines: Log[];
  hasOlder: boolean;
  hasNewer: boolean;
  /** Lines that came while the end was not in sight. */
  late: Log[];
}

/** Where a window is opened. */
export type Anchor = { kind: "start" } | { kind: "end" } | { kind: "at"; time: string };

export const EMPTY: LogWindow = { lines: [], hasOlder: false, hasNewer: false, late: [] };

/** Lines held at a time: enough to scroll in, few enough for any machine, however long the log is. */
export const MOST_LINES = 20_000;
const MOST_LATE = 2_000;

/** What tells lines apart: the ids of a busy server are larger than numbers are exact here. */
export function keyOf(log: Log): string {
  return `${log.id} ${log.timestamp} ${log.message.slice(0, 40)}`;
}

function unknown(lines: readonly Log[], more: readonly Log[]): Log[] {
  const known = new Set(lines.map(keyOf));
  return more.filter((one) => !known.has(keyOf(one)) && known.add(keyOf(one)));
}

/** With earlier lines before it; what is too much goes at the end, from where it can be fetched again. */
export function withOlder(window: LogWindow, older: readonly Log[], hasOlder: boolean): LogWindow {
  const lines = [...unknown(window.lines, older), ...window.lines];
  if (lines.length <= MOST_LINES) return { ...window, lines, hasOlder };
  return { lines: lines.slice(0, MOST_LINES), hasOlder, hasNewer: true, late: [] };
}

/** With later lines after it; when the end is reached, those that the stream brought meanwhile follow. */
export function withNewer(window: LogWindow, newer: readonly Log[], hasNewer: boolean): LogWindow {
  const late = hasNewer ? window.late : [];
  const added = hasNewer ? newer : [...newer, ...window.late];
  return trimmed({ ...window, lines: [...window.lines, ...unknown(window.lines, added)], hasNewer, late });
}

/** With lines that the stream brought. */
export function withFresh(window: LogWindow, fresh: readonly Log[]): LogWindow {
  if (!window.hasNewer) return trimmed({ ...window, lines: appended(window.lines, fresh) });
  const late = [...window.late, ...fresh];
  // Too many to hold on to: they are fetched when somebody comes to the end.
  return { ...window, late: late.length > MOST_LATE ? late.slice(-MOST_LATE) : late };
}

function appended(lines: readonly Log[], fresh: readonly Log[]): Log[] {
  // The stream begins where the window ends: only its last lines can come twice.
  const tail = lines.slice(-1_000);
  return [...lines, ...unknown(tail, fresh)];
}

function trimmed(window: LogWindow): LogWindow {
  if (window.lines.length <= MOST_LINES) return window;
  return { ...window, lines: window.lines.slice(-MOST_LINES), hasOlder: true };
}

/** A moment of the API moved by microseconds, which a `Date` would lose. */
export function shifted(timestamp: string, by: number): string {
  const [seconds = "", fraction = ""] = timestamp.replace(/Z$|\+00:00$/, "").split(".");
  const micros = Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6)) + by;
  const whole = Math.floor(micros / 1_000_000);
  const rest = String(micros - whole * 1_000_000).padStart(6, "0");
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${rest}Z`;
}

/** A line that an address points at: `#line=12&at=2026-11-23T08:00:00.000001Z`. */
export function lineOf(hash: string): { line: number; at: string | null } | null {
  const found = new URLSearchParams(hash.replace(/^#/, ""));
  const line = Number(found.get("line") ?? "");
  const at = found.get("at");
  if (!Number.isInteger(line) || line <= 0) return null;
  return { line, at: at !== null && !Number.isNaN(Date.parse(at)) ? at : null };
}

export function hashOf(log: Pick<Log, "id" | "timestamp">): string {
  return `line=${log.id}&at=${log.timestamp}`;
}
