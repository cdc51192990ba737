import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { preview, type ScheduleSpec } from "@/api/deployments";

/** The next times of a rule, as the server reckons them, soon after the writing stops. */
export function SchedulePreview({ spec }: { spec: ScheduleSpec }) {
  const [settled, setSettled] = useState(spec);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(spec), 300);
    return () => clearTimeout(timer);
  }, [spec]);
  const found = useQuery(preview(settled));
  const zone = settled.timing.timezone ?? "UTC";
  return (
    <section aria-label="Next times" className="rounded-md border border-line bg-sunken p-3 text-xs">
      <h3 className="mb-1.5 font-medium">Next times, {zone}</h3>
      <div aria-live="polite">
        {found.error !== null ? (
          <p className="break-words text-danger">{found.error.message}</p>
        ) : found.data?.length === 0 ? (
          <p className="text-ink-3">There is none.</p>
        ) : (
          <ol className="space-y-1 tabular-nums">
            {found.data?.map((time) => (
              <li key={time} title={time}>
                {shown(time, zone)}
              </li>
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}

function shown(time: string, zone: string): string {
  const given: Intl.DateTimeFormatOptions = {
    weekday: "short",
    day: "2-digit",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  };
  try {
    return new Intl.DateTimeFormat(undefined, { ...given, timeZone: zone }).format(new Date(time));
  } catch {
    return time; // a zone that the browser does not know, though the server does
  }
}
