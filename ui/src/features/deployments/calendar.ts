/** Days of a calendar in any time zone, by the names that `Intl` gives to moments there. */
export interface CalendarDay {
  /** `2026-12-24`. */
  key: string;
  label: string;
  /** Whether it is among the days that are asked about. */
  inside: boolean;
}

const DAY_MS = 86_400_000;

function keyOf(moment: Date, zone: string): string {
  // The Canadian way to write dates is the one of ISO 8601.
  return new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(moment);
}

/** Times of day (`02:00`) of moments, by their day in a zone. */
export function byDay(moments: readonly { nominal: string }[], zone: string): Map<string, string[]> {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone });
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  const days = new Map<string, string[]>();
  for (const { nominal } of moments) {
    const moment = new Date(nominal);
    const key = day.format(moment);
    const times = days.get(key);
    if (times === undefined) days.set(key, [clock.format(moment)]);
    else times.push(clock.format(moment));
  }
  return days;
}

/** The weeks, Monday first, that have the next so many days in them. */
export function weeksOf(from: Date, days: number, zone: string): CalendarDay[][] {
  // Counted on the calendar alone, in UTC: an hour that summer time takes away must not take a day with it.
  const first = Date.parse(keyOf(from, zone));
  const last = first + (days - 1) * DAY_MS;
  const monday = first - ((new Date(first).getUTCDay() + 6) % 7) * DAY_MS;
  const label = new Intl.DateTimeFormat(undefined, { timeZone: "UTC", day: "numeric", month: "short" });
  const weeks: CalendarDay[][] = [];
  for (let start = monday; start <= last; start += 7 * DAY_MS) {
    weeks.push(
      Array.from({ length: 7 }, (_, index) => {
        const at = start + index * DAY_MS;
        return {
          key: new Date(at).toISOString().slice(0, 10),
          label: label.format(at),
          inside: at >= first && at <= last,
        };
      }),
    );
  }
  return weeks;
}
