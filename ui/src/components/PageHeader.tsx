import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useEffect } from "react";

interface Crumb {
  to: string;
  text: string;
}

interface PageHeaderProps {
  title: ReactNode;
  /** The title of the browser's tab. */
  tab: string;
  crumbs?: Crumb[];
  actions?: ReactNode;
  below?: ReactNode;
}

export function PageHeader({ title, tab, crumbs = [], actions, below }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${tab} · Levada`;
  }, [tab]);
  return (
    <header className="mb-4 space-y-1">
      {crumbs.length > 0 && (
        <nav aria-label="Where this is" className="flex flex-wrap gap-1.5 text-xs text-ink-3">
          {crumbs.map((crumb) => (
            <span key={crumb.to} className="flex gap-1.5">
              <Link to={crumb.to} className="hover:text-ink hover:underline">
                {crumb.text}
              </Link>
              <span aria-hidden>/</span>
            </span>
          ))}
        </nav>
      )}
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h1 className="flex min-w-0 flex-wrap items-center gap-2 text-xl font-semibold">{title}</h1>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
      {below}
    </header>
  );
}
