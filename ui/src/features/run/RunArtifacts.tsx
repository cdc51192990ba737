import { useQuery } from "@tanstack/react-query";

import { api, asked } from "@/api/client";
import { ArtifactView } from "@/components/ArtifactView";
import { At } from "@/components/Moment";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";

/** What a run left for people to look at. */
export function RunArtifacts({ run }: { run: string }) {
  const found = useQuery({
    queryKey: ["artifacts", "of-run", run] as const,
    queryFn: ({ signal }) =>
      asked(api.POST("/api/artifacts/filter", { body: { flow_run_ids: [run], limit: 200 }, signal })),
  });
  if (found.isPending) return <Loading />;
  if (found.error !== null) return <Trouble problem={found.error} retry={() => void found.refetch()} />;
  if (found.data.items.length === 0) {
    return (
      <Card>
        <Empty
          title="No artifacts."
          command={
            'from levada.artifacts import create_markdown_artifact\ncreate_markdown_artifact("# Done", key="report")'
          }
        >
          Reports, tables, links, images and progress that a run leaves for people to look at.
        </Empty>
      </Card>
    );
  }
  return (
    <div className="space-y-4">
      {found.data.items.map((artifact) => (
        <Card key={artifact.id} title={artifact.key ?? artifact.type} aside={<At at={artifact.created} />}>
          <div className="p-4">
            {artifact.description != null && (
              <p className="mb-2 text-sm text-ink-2">{artifact.description}</p>
            )}
            <ArtifactView type={artifact.type} data={artifact.data} />
          </div>
        </Card>
      ))}
    </div>
  );
}
