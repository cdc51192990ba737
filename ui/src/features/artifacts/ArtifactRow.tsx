import { FileText, Image, Link as LinkIcon, Loader, type LucideIcon, Package, Table } from "lucide-react";

import type { Artifact } from "@/api/artifacts";
import { Ago } from "@/components/Moment";
import { glimpse } from "@/features/artifacts/search";
import { classes } from "@/lib/classes";

const ICONS: Record<string, LucideIcon> = {
  markdown: FileText,
  table: Table,
  link: LinkIcon,
  image: Image,
  progress: Loader,
};

interface ArtifactRowProps {
  artifact: Artifact;
  /** Whether there is room for the name alone. */
  narrow: boolean;
  chosen: boolean;
  onOpen: () => void;
}

export function ArtifactRow({ artifact, narrow, chosen, onOpen }: ArtifactRowProps) {
  const Icon = ICONS[artifact.type] ?? Package;
  return (
    <button
      type="button"
      onClick={onOpen}
      aria-current={chosen}
      className={classes(
        "flex w-full items-center gap-3 px-4 py-2 text-left hover:bg-sunken/60",
        chosen && "bg-accent-soft",
      )}
    >
      <Icon size={16} aria-hidden className="shrink-0 text-ink-3" />
      <span className={classes("min-w-0", narrow ? "flex-1" : "w-56 max-sm:flex-1")}>
        <span className="block truncate font-medium">{artifact.key ?? "without a key"}</span>
        <span className={classes("block truncate text-xs", chosen ? "text-ink-2" : "text-ink-3")}>
          {artifact.type}
        </span>
      </span>
      {!narrow && (
        <span className="hidden min-w-0 flex-1 truncate text-xs text-ink-2 sm:block">
          {artifact.description ?? glimpse(artifact.type, artifact.data)}
        </span>
      )}
      <span className={classes("shrink-0 text-xs", chosen ? "text-ink-2" : "text-ink-3")}>
        <Ago at={artifact.updated} />
      </span>
    </button>
  );
}
