import type { ReactNode } from "react";

/** Names and values, under each other. What has no value is left out. */
export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className="grid grid-cols-[minmax(7rem,max-content)_1fr] gap-x-6 gap-y-1.5 px-4 py-3 text-sm">
      {rows
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-ink-3">{name}</dt>
            <dd className="min-w-0 break-words">{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Tags({ tags }: { tags: readonly string[] | undefined }) {
  return (
    <span className="flex flex-wrap gap-1">
      {(tags ?? []).map((tag) => (
        <span key={tag} className="rounded border border-line bg-sunken px-1.5 text-xs text-ink-2">
          {tag}
        </span>
      ))}
    </span>
  );
}
