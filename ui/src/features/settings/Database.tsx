import { useQuery } from "@tanstack/react-query";

import { databaseSizes } from "@/api/admin";
import { Ago } from "@/components/Moment";
import { Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";
import { size } from "@/features/settings/sizes";

/** How much room each table takes, the largest first. */
export function Database() {
  const found = useQuery(databaseSizes());
  const tables = [...(found.data ?? [])].sort(
    (one, other) => other.bytes - one.bytes || other.rows - one.rows,
  );
  const all = tables.reduce((sum, table) => sum + table.bytes, 0);
  const most = Math.max(1, ...tables.map((table) => table.bytes));
  return (
    <Card title="Database" aside={found.data !== undefined && <span className="text-sm">{size(all)}</span>}>
      {found.isPending && <Loading />}
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      {tables.length > 0 && (
        // A box that scrolls must be reachable by keyboard.

        <div
          className="max-h-80 overflow-auto"
          role="region"
          aria-label="Tables of the database"
          tabIndex={0}
        >
          <table className="w-full text-sm">
            <thead className="sticky top-0 bg-surface text-xs text-ink-3">
              <tr>
                {["Table", "Rows", "Size", "Oldest"].map((name, index) => (
                  <th
                    key={name}
                    scope="col"
                    className={`px-4 py-1.5 font-medium ${index > 0 ? "text-right" : "text-left"}`}
                  >
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {tables.map((table) => (
                <tr key={table.name} className="border-t border-line/60">
                  <td className="px-4 py-1.5 font-mono text-xs">
                    {table.name}
                    <div
                      className="mt-0.5 h-1 rounded bg-accent"
                      style={{ width: `${(table.bytes / most) * 100}%` }}
                    />
                  </td>
                  <td className="px-4 py-1.5 text-right">{table.rows.toLocaleString()}</td>
                  <td className="px-4 py-1.5 text-right whitespace-nowrap">{size(table.bytes)}</td>
                  <td className="px-4 py-1.5 text-right text-xs text-ink-2">
                    <Ago at={table.oldest} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
