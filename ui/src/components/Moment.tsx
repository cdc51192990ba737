import { useNow } from "@/lib/clock";
import { distance, duration, exactTime, instant, secondsBetween, shortTime } from "@/lib/time";

/** When something happened or will, relative to now, with the exact time on hover. */
export function Ago({ at }: { at: string | null | undefined }) {
  const now = useNow();
  const moment = instant(at);
  if (moment === null) return <span className="text-ink-3">–</span>;
  return (
    <time dateTime={moment.toISOString()} title={exactTime(moment)} className="whitespace-nowrap">
      {distance(moment, now)}
    </time>
  );
}

/** A time of day with its date. */
export function At({ at }: { at: string | null | undefined }) {
  const moment = instant(at);
  if (moment === null) return <span className="text-ink-3">–</span>;
  return (
    <time dateTime={moment.toISOString()} title={exactTime(moment)} className="whitespace-nowrap">
      {shortTime(moment)}
    </time>
  );
}

interface Span {
  start: string | null | undefined;
  end: string | null | undefined;
}

/** How long something took, or has been going on; the seconds count while it does. */
export function Took({ start, end }: Span) {
  return end == null && start != null ? <Counting start={start} /> : <Fixed start={start} end={end} />;
}

function Counting({ start }: { start: string }) {
  const seconds = secondsBetween(start, null, useNow());
  return <span className="whitespace-nowrap">{duration(Math.max(0, Math.floor(seconds ?? 0)))}</span>;
}

function Fixed({ start, end }: Span) {
  const seconds = secondsBetween(start, end, new Date(0));
  return <span className="whitespace-nowrap">{seconds === null ? "–" : duration(seconds)}</span>;
}
