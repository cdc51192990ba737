import {
  ChevronDown,
  ChevronUp,
  FoldVertical,
  Maximize2,
  Minimize2,
  Route,
  UnfoldVertical,
} from "lucide-react";
import { useId } from "react";

import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { classes } from "@/lib/classes";

import type { LayoutKind } from "../types";

/** What is searched for, and where one is among what was found. */
export interface Search {
  readonly text: string;
  readonly found: number | null;
  readonly at: number;
}

interface ToolbarProps {
  kind: LayoutKind;
  onKind: (kind: LayoutKind) => void;
  path: boolean;
  onPath: (on: boolean) => void;
  search: Search;
  onSearch: (text: string) => void;
  /** To the next that was found, or to the one before. */
  onFound: (by: 1 | -1) => void;
  /** Whether something can be opened, and whether something is. */
  canOpen: boolean;
  canFold: boolean;
  onOpenAll: () => void;
  onFoldAll: () => void;
  large: boolean;
  onLarge: (on: boolean) => void;
}

const KINDS: readonly [LayoutKind, string][] = [
  ["time", "Over time"],
  ["dependencies", "Dependencies"],
];

export function Toolbar(props: ToolbarProps) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <div role="group" aria-label="Layout" className="flex rounded-md border border-line p-0.5">
        {KINDS.map(([kind, name]) => (
          <button
            key={kind}
            type="button"
            aria-pressed={props.kind === kind}
            onClick={() => props.onKind(kind)}
            className="h-6.5 rounded px-2.5 text-xs font-medium text-ink-2 hover:text-ink aria-pressed:bg-accent-soft aria-pressed:text-ink"
          >
            {name}
          </button>
        ))}
      </div>
      <Button
        size="small"
        aria-pressed={props.path}
        className={classes("h-7.5", props.path && "border-accent bg-accent-soft")}
        onClick={() => props.onPath(!props.path)}
      >
        <Route size={13} aria-hidden /> Critical path
      </Button>
      <Finder {...props} />
      <div className="ml-auto flex gap-1">
        <IconButton label="Open all maps and subflows" disabled={!props.canOpen} onClick={props.onOpenAll}>
          <UnfoldVertical size={15} aria-hidden />
        </IconButton>
        <IconButton label="Fold all maps and subflows" disabled={!props.canFold} onClick={props.onFoldAll}>
          <FoldVertical size={15} aria-hidden />
        </IconButton>
        <IconButton
          label={props.large ? "Back into the page" : "Use the whole window"}
          onClick={() => props.onLarge(!props.large)}
        >
          {props.large ? <Minimize2 size={15} aria-hidden /> : <Maximize2 size={15} aria-hidden />}
        </IconButton>
      </div>
    </div>
  );
}

interface IconButtonProps {
  label: string;
  disabled?: boolean;
  onClick: () => void;
  children: React.ReactNode;
}

export function IconButton({ label, disabled = false, onClick, children }: IconButtonProps) {
  return (
    <Button
      look="ghost"
      size="small"
      className="size-7.5 px-0"
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </Button>
  );
}

function Finder({ search, onSearch, onFound, canOpen }: ToolbarProps) {
  const count = useId();
  return (
    <div className="flex min-w-40 flex-1 items-center gap-1 sm:max-w-72">
      <Input
        type="search"
        value={search.text}
        placeholder="Find a task …"
        aria-label="Find a task in the graph"
        aria-describedby={count}
        className="h-7.5 text-xs"
        onChange={(event) => onSearch(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") onFound(event.shiftKey ? -1 : 1);
          else if (event.key === "Escape" && search.text !== "") onSearch("");
          else return;
          event.preventDefault();
        }}
      />
      <span id={count} role="status" className="shrink-0 text-xs whitespace-nowrap text-ink-2">
        {search.found !== null &&
          (search.found === 0
            ? canOpen
              ? "none in what is open"
              : "none"
            : `${(search.at + 1).toLocaleString()} of ${search.found.toLocaleString()}`)}
      </span>
      {search.found !== null && search.found > 1 && (
        <>
          <IconButton label="The one before" onClick={() => onFound(-1)}>
            <ChevronUp size={15} aria-hidden />
          </IconButton>
          <IconButton label="The next one" onClick={() => onFound(1)}>
            <ChevronDown size={15} aria-hidden />
          </IconButton>
        </>
      )}
    </div>
  );
}
