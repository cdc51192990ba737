import { type SyntheticEvent, useState } from "react";

import { Button } from "@/components/ui/button";
import { Input, Select } from "@/components/ui/input";
import { type Range, RANGES, type RunFilters } from "@/lib/filters";

interface FiltersProps {
  filters: RunFilters;
  onChange: (filters: RunFilters) => void;
}

const RANGE_WORDS: Record<Range, string> = {
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
};

/** The filters that take words, and how each is shown. Lists are written with commas. */
const LISTS = [
  ["flow", "Flow"],
  ["deployment", "Deployment"],
  ["pool", "Work pool"],
  ["tag", "Tag"],
] as const;
const TEXTS = [
  ["error", "Error text"],
  ["parameter", "Parameter: name=value"],
  ["version", "Version"],
  ["creator", "Made by"],
] as const;

function split(text: string): string[] {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

function filled(form: FormData, before: RunFilters): RunFilters {
  const read = (name: string): string => {
    const value = form.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const made: Record<string, unknown> = {};
  for (const key of ["state", "range", "since", "until", "top"] as const) {
    if (before[key] !== undefined) made[key] = before[key];
  }
  if (read("name") !== "") made["name"] = read("name");
  for (const [key] of LISTS) if (split(read(key)).length > 0) made[key] = split(read(key));
  for (const [key] of TEXTS) if (read(key) !== "") made[key] = read(key);
  for (const key of ["min", "max"]) if (read(key) !== "") made[key] = Number(read(key));
  return made;
}

export function Filters({ filters, onChange }: FiltersProps) {
  const used = Object.keys(filters).filter(
    (key) => !["range", "state", "name", "since", "until"].includes(key),
  ).length;
  const [more, setMore] = useState(used > 0);
  const submit = (event: SyntheticEvent<HTMLFormElement>): void => {
    event.preventDefault();
    onChange(filled(new FormData(event.currentTarget), filters));
  };
  const { range: _range, since, until, ...rest } = filters;
  return (
    // What was filtered by elsewhere (a link, a saved view) must show up in the fields: they are made anew then.
    <form key={JSON.stringify(filters)} onSubmit={submit} className="space-y-2" role="search">
      <div className="flex flex-wrap gap-2">
        <Input
          type="search"
          name="name"
          defaultValue={filters.name}
          placeholder="Name contains …   ( / )"
          aria-label="Name contains"
          className="w-64"
        />
        <Select
          aria-label="Time"
          value={since === undefined ? (filters.range ?? "7d") : "own"}
          onChange={(event) => onChange({ ...rest, range: event.target.value as Range })}
        >
          {since !== undefined && (
            <option value="own">{`${since.slice(0, 16)} – ${until?.slice(0, 16) ?? "now"}`}</option>
          )}
          {(Object.keys(RANGES) as Range[]).map((one) => (
            <option key={one} value={one}>
              {RANGE_WORDS[one]}
            </option>
          ))}
        </Select>
        <label className="flex items-center gap-1.5 text-sm text-ink-2">
          <input
            type="checkbox"
            className="size-4 accent-[var(--accent)]"
            checked={filters.top === false}
            onChange={(event) => {
              const { top: _, ...others } = filters;
              onChange(event.target.checked ? { ...others, top: false } : others);
            }}
          />
          Subflow runs too
        </label>
        <Button onClick={() => setMore(!more)} aria-expanded={more}>
          {more ? "Fewer filters" : `More filters${used > 0 ? ` (${used})` : ""}`}
        </Button>
        {Object.keys(filters).length > 0 && (
          <Button look="ghost" onClick={() => onChange({})}>
            Clear
          </Button>
        )}
        <button type="submit" className="sr-only">
          Filter
        </button>
      </div>
      {more && (
        <div className="grid grid-cols-2 gap-2 rounded-lg border border-line bg-surface p-3 sm:grid-cols-3 lg:grid-cols-5">
          {LISTS.map(([key, text]) => (
            <Input
              key={key}
              name={key}
              defaultValue={filters[key]?.join(", ")}
              placeholder={text}
              aria-label={text}
            />
          ))}
          {TEXTS.map(([key, text]) => (
            <Input key={key} name={key} defaultValue={filters[key]} placeholder={text} aria-label={text} />
          ))}
          <Input
            name="min"
            type="number"
            min={0}
            step="any"
            defaultValue={filters.min}
            placeholder="Longer than, s"
            aria-label="Longer than, in seconds"
          />
          <Input
            name="max"
            type="number"
            min={0}
            step="any"
            defaultValue={filters.max}
            placeholder="Shorter than, s"
            aria-label="Shorter than, in seconds"
          />
          <div className="col-span-full flex justify-end">
            <Button type="submit" look="primary">
              Filter
            </Button>
          </div>
        </div>
      )}
    </form>
  );
}
