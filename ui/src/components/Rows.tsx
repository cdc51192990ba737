import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useRef } from "react";

import { Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";

interface RowsProps<T> {
  items: readonly T[];
  keyOf: (item: T) => string;
  row: (item: T) => ReactNode;
  label: string;
  /** About how high a row is, in pixels; rows are measured when they are drawn. */
  height: number;
  empty: ReactNode;
  pending: boolean;
  problem: unknown;
  retry: () => void;
  more?: { has: boolean; busy: boolean; load: () => void };
  className?: string;
}

/** A list of any length: only the rows in sight are drawn, and the next page is asked for when its end comes near. */
export function Rows<T>(given: RowsProps<T>) {
  const { items, keyOf, row, label, height, empty, pending, problem, retry, more, className } = given;
  const box = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtual list is made to be read at each drawing
  const list = useVirtualizer({
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    getItemKey: (index) => {
      const item = items[index];
      return item === undefined ? index : keyOf(item);
    },
    overscan: 8,
  });
  const drawn = list.getVirtualItems();
  const last = drawn.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more?.has === true && !more.busy && problem == null && last >= items.length - 10) more.load();
  }, [last, items.length, more, problem]);

  if (pending) return <Loading rows={8} />;
  if (problem != null && items.length === 0) return <Trouble problem={problem} retry={retry} />;
  if (items.length === 0) return <>{empty}</>;
  return (
    // A box that scrolls must be reachable by keyboard, though nothing in it can be pressed.

    <div
      ref={box}
      className={className ?? "max-h-[70vh] overflow-auto"}
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <ul className="relative" style={{ height: list.getTotalSize() }}>
        {drawn.map((one) => {
          const item = items[one.index];
          return item === undefined ? null : (
            <li
              key={one.key}
              data-index={one.index}
              ref={list.measureElement}
              className="absolute inset-x-0 top-0 border-b border-line"
              style={{ transform: `translateY(${one.start}px)` }}
            >
              {row(item)}
            </li>
          );
        })}
      </ul>
      {problem != null && <Trouble problem={problem} retry={retry} />}
      {more?.has === true && problem == null && (
        <div className="p-2 text-center">
          <Button size="small" look="ghost" disabled={more.busy} onClick={more.load}>
            {more.busy ? "Loading …" : "More"}
          </Button>
        </div>
      )}
    </div>
  );
}
