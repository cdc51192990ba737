import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { type Deployment, type Upcoming, upcoming } from "@/api/deployments";
import { Ago } from "@/components/Moment";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/input";
import { byDay, weeksOf } from "@/features/deployments/calendar";

const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const DAYS = 28;
const MOST = 1_000;

/** The runs that schedules will make, on a calendar in a time zone that is chosen. */
export function UpcomingTab({ deployment }: { deployment: Deployment }) {
  const zones = useMemo(
    () => [
      ...new Set([
        HERE,
        "UTC",
        ...(deployment.schedules ?? []).map((one) => one.spec.timing.timezone ?? "UTC"),
      ]),
    ],
    [deployment.schedules],
  );
  const [zone, setZone] = useState(HERE);
  const [now] = useState(() => new Date());
  const until = new Date(now.getTime() + DAYS * 86_400_000).toISOString();
  const found = useQuery(upcoming({ ids: [deployment.id] }, until, MOST));
  const all = Intl.supportedValuesOf("timeZone");
  const full = `${deployment.flow_name}/${deployment.name}`;
  if (found.isPending) return <Loading />;
  if (found.error !== null) return <Trouble problem={found.error} retry={() => void found.refetch()} />;
  if (found.data.length === 0) {
    return (
      <Card>
        {deployment.paused === true ? (
          <Empty title="Its schedules stand still." command={`levada deployment resume ${full}`} />
        ) : (
          <Empty
            title={`No schedule makes a run in the next ${DAYS} days.`}
            command={`levada deployment schedule create ${full} --cron "0 2 * * *"`}
          >
            Give it a schedule on the tab Schedules, or from a terminal.
          </Empty>
        )}
      </Card>
    );
  }
  return (
    <Card
      title={
        <>
          The next {DAYS} days{" "}
          {found.data.length >= MOST && (
            <span className="font-normal text-ink-3">· the next {MOST.toLocaleString()} runs</span>
          )}
        </>
      }
      aside={
        <Select
          aria-label="Time zone"
          value={zone}
          onChange={(event) => setZone(event.target.value)}
          className="max-w-52"
        >
          <optgroup label="Used here">
            {zones.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </optgroup>
          <optgroup label="All">
            {all
              .filter((one) => !zones.includes(one))
              .map((one) => (
                <option key={one}>{one}</option>
              ))}
          </optgroup>
        </Select>
      }
    >
      <Calendar runs={found.data} zone={zone} from={now} />
    </Card>
  );
}

function Calendar({ runs, zone, from }: { runs: Upcoming[]; zone: string; from: Date }) {
  const days = byDay(runs, zone);
  const weeks = weeksOf(from, DAYS, zone);
  const next = runs[0];
  return (
    <div className="overflow-x-auto p-3">
      {next !== undefined && (
        <p className="pb-2 text-sm text-ink-2">
          Next <Ago at={next.nominal} />
        </p>
      )}
      <table className="w-full min-w-[40rem] table-fixed border-collapse text-xs">
        <thead>
          <tr className="text-left text-ink-3">
            {["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map((day) => (
              <th key={day} scope="col" className="p-1 font-normal">
                {day}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeks.map((week) => (
            <tr key={week[0]?.key}>
              {week.map((day) => (
                <td
                  key={day.key}
                  className={`h-20 border border-line p-1 align-top ${day.inside ? "" : "bg-sunken/50 text-ink-3"}`}
                >
                  <Day label={day.label} times={days.get(day.key) ?? []} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Day({ label, times }: { label: string; times: string[] }) {
  const SHOWN = 3;
  return (
    <>
      <p className="text-ink-3">{label}</p>
      <ul className="tabular-nums">
        {times.slice(0, SHOWN).map((time, index) => (
          <li key={`${time} ${index}`} className="mt-0.5 rounded bg-accent-soft px-1">
            {time}
          </li>
        ))}
      </ul>
      {times.length > SHOWN && (
        <p className="pt-0.5 text-ink-3" title={times.slice(0, 60).join(", ")}>
          {times.length - SHOWN} more
        </p>
      )}
    </>
  );
}
