import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { type Artifact, artifactList } from "@/api/artifacts";
import { Empty } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Rows } from "@/components/Rows";
import { Card } from "@/components/ui/card";
import { Input, Select } from "@/components/ui/input";
import { ArtifactPanel } from "@/features/artifacts/ArtifactPanel";
import { ArtifactRow } from "@/features/artifacts/ArtifactRow";
import { ARTIFACT_TYPES, readArtifactSearch, type ArtifactSearch } from "@/features/artifacts/search";

const TEACH = `from levada.artifacts import create_markdown_artifact

# in a flow or a task
create_markdown_artifact("# Done", key="report")`;

/** What runs left for people to look at: the latest of each key. */
export function ArtifactsPage() {
  const search = readArtifactSearch(useSearch({ strict: false }));
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const found = useInfiniteQuery(
    artifactList({ latest_of_key: true, ...(search.type === undefined ? {} : { types: [search.type] }) }),
  );
  const all = found.data?.pages.flatMap((page) => page.items) ?? [];
  const wanted = text.trim().toLowerCase();
  const items = all.filter((one) =>
    `${one.key ?? ""} ${one.description ?? ""}`.toLowerCase().includes(wanted),
  );
  const go = (next: ArtifactSearch): void => {
    void navigate({ to: "/artifacts", search: next as never });
  };
  const open = (artifact: Artifact): void =>
    go({ ...search, ...(artifact.key == null ? { id: artifact.id } : { key: artifact.key }) });
  const { key: _key, id: _id, ...closed } = search;
  const chosen = search.key ?? search.id;
  return (
    <>
      <PageHeader
        title="Artifacts"
        tab="Artifacts"
        actions={
          <>
            <Select
              aria-label="Type of artifact"
              value={search.type ?? ""}
              onChange={(event) => {
                const { type: _before, ...rest } = search;
                go(event.target.value === "" ? rest : { ...rest, type: event.target.value });
              }}
            >
              <option value="">All types</option>
              {ARTIFACT_TYPES.map((type) => (
                <option key={type} value={type}>
                  {type}
                </option>
              ))}
            </Select>
            <Input
              type="search"
              className="w-48"
              placeholder="Key or description …"
              aria-label="Search artifacts"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </>
        }
      />
      <div className={chosen === undefined ? "" : "grid gap-4 lg:grid-cols-[minmax(16rem,1fr)_2fr]"}>
        <Card className={chosen === undefined ? "" : "max-lg:hidden"}>
          <Rows
            items={items}
            keyOf={(one) => one.id}
            row={(one) => (
              <ArtifactRow
                artifact={one}
                narrow={chosen !== undefined}
                chosen={chosen !== undefined && (one.key === search.key || one.id === search.id)}
                onOpen={() => open(one)}
              />
            )}
            label="Artifacts"
            height={49}
            className="max-h-[calc(100vh-9rem)] overflow-auto"
            empty={
              all.length === 0 && search.type === undefined ? (
                <Empty title="There are no artifacts." command={TEACH}>
                  Reports, tables, links, images and progress that runs leave for people to look at. The
                  versions of a key are kept and can be compared.
                </Empty>
              ) : (
                <Empty title="No artifact is like this." />
              )
            }
            pending={found.isPending}
            problem={found.error}
            retry={() => void found.refetch()}
            more={{
              has: found.hasNextPage,
              busy: found.isFetchingNextPage,
              load: () => void found.fetchNextPage(),
            }}
          />
        </Card>
        {chosen !== undefined && (
          <ArtifactPanel
            key={chosen}
            artifactKey={search.key ?? null}
            id={search.id ?? null}
            beside={search.beside ?? null}
            version={search.version ?? null}
            onChoose={(version, beside) =>
              go({
                ...closed,
                ...(search.key === undefined ? {} : { key: search.key }),
                ...(search.id === undefined ? {} : { id: search.id }),
                ...(version === null ? {} : { version }),
                ...(beside === null ? {} : { beside }),
              })
            }
            onClose={() => go(search.type === undefined ? {} : { type: search.type })}
          />
        )}
      </div>
    </>
  );
}
