import { type SubmitEvent } from "react";

import { Button } from "@/components/ui/button";
import { Input, Select } from "@/components/ui/input";
import { type EventSearch, readEventSearch } from "@/features/events/search";

const RANGES = {
  "1h": "Last hour",
  "6h": "Last 6 hours",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
};

const FIELDS = [
  ["event", "Name begins with", "levada.flow-run"],
  ["resource", "Resource", "levada.flow-run.*"],
  ["text", "Text", "Any text in it"],
] as const;

export function EventFilters({
  search,
  onChange,
}: {
  search: EventSearch;
  onChange: (search: EventSearch) => void;
}) {
  const { since, until, range, ...filters } = search;
  const stretch = since !== undefined && until !== undefined ? { since, until } : null;
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.currentTarget));
    onChange(readEventSearch({ ...given, ...stretch, range }));
  };
  return (
    <form
      key={JSON.stringify(filters)}
      onSubmit={submit}
      className="mb-4 grid grid-cols-1 gap-2 sm:grid-cols-2 lg:flex lg:items-center"
    >
      <Select
        aria-label="Range of time"
        value={stretch === null ? (range ?? "24h") : "fixed"}
        onChange={(event) => onChange(readEventSearch({ ...filters, range: event.target.value }))}
      >
        {stretch !== null && <option value="fixed">As zoomed</option>}
        {Object.entries(RANGES).map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </Select>
      {FIELDS.map(([name, label, example]) => (
        <Input
          key={name}
          name={name}
          aria-label={label}
          placeholder={`${label}: ${example}`}
          defaultValue={search[name] ?? ""}
        />
      ))}
      <Button type="submit">Search</Button>
      {(stretch !== null || Object.keys(filters).length > 0) && (
        <Button look="ghost" onClick={() => onChange(range === undefined ? {} : { range })}>
          Clear
        </Button>
      )}
    </form>
  );
}
