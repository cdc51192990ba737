const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** A size as people read it: `512 B`, `1.4 MB`. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit] ?? ""}`;
}

/** How long something is kept: whole or parts of days; 0 is for ever. */
export function kept(days: number): string {
  if (days <= 0) return "for ever";
  if (days < 1) return `${Number((days * 24).toFixed(1))} h`;
  return `${Number(days.toFixed(1))} ${days === 1 ? "day" : "days"}`;
}

/** A value of a setting as text; one that is empty says so. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (value === "") return "empty";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What was removed, by what it was: `12 logs, 3 events`, or `nothing`. */
export function removed(result: unknown): string {
  if (typeof result !== "object" || result === null) return shown(result);
  const some = Object.entries(result as Record<string, unknown>).filter(
    (pair): pair is [string, number] => typeof pair[1] === "number" && pair[1] > 0,
  );
  if (some.length === 0) return "nothing";
  return some.map(([name, count]) => `${count.toLocaleString()} ${name.replaceAll("_", " ")}`).join(", ");
}
