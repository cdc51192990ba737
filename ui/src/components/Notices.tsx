import type { ReactNode } from "react";

import { messageOf } from "@/api/client";
import { Command } from "@/components/Copy";
import { Button } from "@/components/ui/button";

interface EmptyProps {
  title: string;
  children?: ReactNode;
  command?: string;
}

/** Nothing is there: what this page is for, and the next command. */
export function Empty({ title, children, command }: EmptyProps) {
  return (
    <div className="mx-auto max-w-xl space-y-3 px-4 py-10 text-center">
      <p className="font-medium">{title}</p>
      {children !== undefined && <div className="text-sm text-ink-2">{children}</div>}
      {command !== undefined && <Command text={command} />}
    </div>
  );
}

/** Something could not be read or done, and what to do. */
export function Trouble({ problem, retry }: { problem: unknown; retry?: () => void }) {
  return (
    <div
      role="alert"
      className="m-4 flex items-center justify-between gap-3 rounded-md border border-danger/40 bg-danger/5 px-3 py-2 text-sm"
    >
      <span className="min-w-0 break-words">{messageOf(problem)}</span>
      {retry !== undefined && (
        <Button size="small" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="space-y-2 p-4">
      {Array.from({ length: rows }, (_, index) => (
        <div
          key={index}
          className="h-5 animate-pulse rounded bg-sunken"
          style={{ width: `${90 - index * 9}%` }}
        />
      ))}
    </div>
  );
}
