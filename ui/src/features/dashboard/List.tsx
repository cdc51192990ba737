import type { ReactNode } from "react";

import { Loading, Trouble } from "@/components/Notices";

interface ListProps {
  children: ReactNode[];
  empty: ReactNode;
  pending: boolean;
  problem: unknown;
  retry: () => void;
}

/** A short list in a card, or why there is none. */
export function List({ children, empty, pending, problem, retry }: ListProps) {
  if (pending) return <Loading rows={3} />;
  if (problem != null) return <Trouble problem={problem} retry={retry} />;
  if (children.length === 0) return <div className="space-y-2 px-4 py-5 text-sm text-ink-3">{empty}</div>;
  return <ul className="divide-y divide-line">{children}</ul>;
}
