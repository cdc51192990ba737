/** Times and durations as people read them. Everything is shown in the browser's zone, with the exact time on hover. */

const UNITS: [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
];

/** A duration in seconds: `0.42 s`, `3.1 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 0.0995) return `${Math.max(0, seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  for (const [index, [size, name]] of UNITS.entries()) {
    if (whole < size) continue;
    const [finer, finerName] = UNITS[index + 1] ?? [1, "s"];
    const rest = Math.floor((whole % size) / finer);
    return `${Math.floor(whole / size)} ${name}${rest > 0 ? ` ${rest} ${finerName}` : ""}`;
  }
  return `${whole} s`;
}

/** How long ago, or in how long: `12 s ago`, `in 3 h`. */
export function distance(moment: Date, now: Date): string {
  const seconds = (now.getTime() - moment.getTime()) / 1000;
  if (Math.abs(seconds) < 1.5) return "now";
  const size = Math.abs(seconds);
  const [unit, name] = UNITS.find(([unit]) => size >= unit) ?? [1, "s"];
  const text = `${Math.floor(size / unit)} ${name}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const SHORT = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});

export function exactTime(moment: Date): string {
  return EXACT.format(moment);
}

export function shortTime(moment: Date): string {
  return SHORT.format(moment);
}

export function clockTime(moment: Date): string {
  return CLOCK.format(moment);
}

export function instant(text: string | null | undefined): Date | null {
  return text == null ? null : new Date(text);
}

/** Seconds between two moments; until now when the second is not there yet. */
export function secondsBetween(
  start: string | null | undefined,
  end: string | null | undefined,
  now: Date,
): number | null {
  const from = instant(start);
  if (from === null) return null;
  return ((instant(end) ?? now).getTime() - from.getTime()) / 1000;
}
