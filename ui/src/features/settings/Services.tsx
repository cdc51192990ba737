import { useQuery } from "@tanstack/react-query";

import { type Service, serviceList } from "@/api/admin";
import { Ago } from "@/components/Moment";
import { Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";
import { duration } from "@/lib/time";

/** The loops that a server runs beside answering, and how they fare. */
export function Services() {
  const found = useQuery(serviceList());
  return (
    <Card title="Services">
      {found.isPending && <Loading />}
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <p className="px-4 py-3 text-sm text-ink-2">This server runs no services.</p>
      )}
      {found.data !== undefined && found.data.length > 0 && (
        <ul
          className="max-h-80 divide-y divide-line/60 overflow-auto"
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a box that scrolls must be reachable by keyboard
          tabIndex={0}
          aria-label="Services of the server"
        >
          {found.data.map((service) => (
            <ServiceRow key={service.name} service={service} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function ServiceRow({ service }: { service: Service }) {
  const failures = service.failures ?? 0;
  const error = service.last_error ?? null;
  return (
    <li className="px-4 py-2 text-sm">
      <div className="flex flex-wrap items-baseline justify-between gap-x-3">
        <span className="font-medium">
          <span aria-hidden className={error === null ? "text-accent" : "text-danger"}>
            {error === null ? "✓" : "✕"}
          </span>{" "}
          {service.name}
          <span className="ml-2 text-xs font-normal text-ink-3">{service.state}</span>
        </span>
        <span className="text-xs text-ink-2">
          every {duration(service.interval_seconds)} · {(service.runs ?? 0).toLocaleString()} turns · last{" "}
          <Ago at={service.last_run} />
          {service.last_seconds != null && ` in ${duration(service.last_seconds)}`}
        </span>
      </div>
      <p className="text-xs text-ink-3">{service.does}</p>
      {failures > 0 && (
        <p className="text-xs break-words text-danger">
          {failures.toLocaleString()} turns failed{error !== null && `: ${error}`}
        </p>
      )}
    </li>
  );
}
