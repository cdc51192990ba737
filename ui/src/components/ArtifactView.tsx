import { lazy, Suspense, useMemo, useState } from "react";

import { Json } from "@/components/Json";
import { Loading } from "@/components/Notices";

/** Markdown is 40 kB of code: it comes when there is some. */
const Markdown = lazy(() => import("@/components/Markdown").then(({ Markdown }) => ({ default: Markdown })));

type Row = Record<string, unknown>;

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The rows of a table artifact: a list of rows, or columns of values. */
export function rowsOf(data: unknown): Row[] | null {
  const value: unknown = typeof data === "string" ? parsed(data) : data;
  if (Array.isArray(value))
    return value.map((one: unknown, index) => (isRow(one) ? one : { "": one, "#": index }));
  if (!isRow(value)) return null;
  const columns = Object.entries(value);
  const length = Math.max(0, ...columns.map(([, column]) => (Array.isArray(column) ? column.length : 0)));
  return Array.from({ length }, (_, index) =>
    Object.fromEntries(
      columns.map(([name, column]) => [name, Array.isArray(column) ? (column as unknown[])[index] : column]),
    ),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A link that leads out of this page only over the web; anything else is shown as text. */
function safe(url: unknown): string | null {
  return typeof url === "string" && /^https?:\/\//i.test(url) ? url : null;
}

function text(value: unknown): string {
  return typeof value === "string"
    ? value
    : value === undefined || value === null
      ? ""
      : JSON.stringify(value);
}

/** An artifact as it is meant to be seen. */
export function ArtifactView({ type, data }: { type: string; data: unknown }) {
  switch (type) {
    case "markdown":
    case "link":
      return (
        <Suspense fallback={<Loading rows={3} />}>
          <Markdown text={text(data)} />
        </Suspense>
      );
    case "table": {
      const rows = rowsOf(data);
      return rows === null ? <Json value={data} /> : <Table rows={rows} />;
    }
    case "image": {
      const source = safe(data) ?? safe(isRow(data) ? data["image_url"] : null);
      return source === null ? (
        <Json value={data} />
      ) : (
        <img
          src={source}
          alt="What the artifact shows"
          referrerPolicy="no-referrer"
          className="max-h-[60vh] max-w-full"
        />
      );
    }
    case "progress": {
      const share = Math.min(100, Math.max(0, Number(data)));
      return (
        <div className="flex items-center gap-3">
          <progress
            className="h-2.5 w-full accent-[var(--accent)]"
            max={100}
            value={share}
            aria-label="Progress"
          />
          <span>{share.toFixed(0)} %</span>
        </div>
      );
    }
    default:
      return <Json value={data} />;
  }
}

const MOST_ROWS = 500;

/** Two cells in order: numbers by size, everything else as people would sort text; what is missing last. */
export function compareCells(one: unknown, other: unknown): number {
  if (one == null || other == null) return Number(one == null) - Number(other == null);
  if (typeof one === "number" && typeof other === "number") return one - other;
  return text(one).localeCompare(text(other), undefined, { numeric: true });
}

function Table({ rows: given }: { rows: Row[] }) {
  const columns = [...new Set(given.flatMap((row) => Object.keys(row)))];
  const [order, setOrder] = useState<{ column: string; down: boolean } | null>(null);
  const rows = useMemo(() => {
    if (order === null) return given;
    const sorted = given.toSorted((one, other) => compareCells(one[order.column], other[order.column]));
    return order.down ? sorted.reverse() : sorted;
  }, [given, order]);
  const press = (column: string): void =>
    setOrder(
      order?.column === column ? (order.down ? null : { column, down: true }) : { column, down: false },
    );
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-left text-sm">
        <thead>
          <tr className="border-b border-line">
            {columns.map((column) => (
              <th
                key={column}
                scope="col"
                className="px-2 py-1 font-medium"
                aria-sort={order?.column !== column ? "none" : order.down ? "descending" : "ascending"}
              >
                <button type="button" className="hover:underline" onClick={() => press(column)}>
                  {column}
                  {order?.column === column && <span aria-hidden> {order.down ? "↓" : "↑"}</span>}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST_ROWS).map((row, index) => (
            <tr key={index} className="border-b border-line/60">
              {columns.map((column) => (
                <td key={column} className="px-2 py-1 align-top">
                  {text(row[column])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST_ROWS && (
        <p className="p-2 text-xs text-ink-3">
          The first {MOST_ROWS} of {rows.length.toLocaleString()} rows.
        </p>
      )}
    </div>
  );
}
