import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";

import { type ApiKey, apiKeyList, useRevokeApiKey } from "@/api/admin";
import { Tags } from "@/components/Facts";
import { Ago } from "@/components/Moment";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Confirm } from "@/components/Confirm";
import { MakeApiKey } from "@/features/settings/MakeApiKey";

/** Keys by which programs and people say who they are. */
export function ApiKeys() {
  const found = useQuery(apiKeyList());
  const revoke = useRevokeApiKey();
  const [making, setMaking] = useState(false);
  const [doomed, setDoomed] = useState<ApiKey | null>(null);
  return (
    <Card
      title="API keys"
      className="xl:col-span-2"
      aside={
        <Button size="small" onClick={() => setMaking(true)}>
          <Plus size={14} aria-hidden /> New key
        </Button>
      }
    >
      {found.isPending && <Loading />}
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <Empty title="There are no API keys." command="levada server api-key create ci">
          Workers and programs on other machines say with a key who they are.
        </Empty>
      )}
      <ul className="divide-y divide-line/60">
        {(found.data ?? []).map((key) => (
          <li key={key.id} className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2 text-sm">
            <span className="min-w-32 flex-1 font-medium">
              {key.name} <code className="ml-1 font-mono text-xs text-ink-3">{key.prefix}…</code>
            </span>
            <Tags tags={key.scopes.map((scope) => (scope === "*" ? "everything" : scope))} />
            <span className="text-xs text-ink-2">
              made <Ago at={key.created} /> · used{" "}
              {key.last_used == null ? "never" : <Ago at={key.last_used} />}
              {key.expires != null && (
                <>
                  {" "}
                  · expires <Ago at={key.expires} />
                </>
              )}
            </span>
            {key.revoked == null ? (
              <Button
                size="small"
                look="ghost"
                aria-label={`Revoke ${key.name}`}
                onClick={() => setDoomed(key)}
              >
                Revoke
              </Button>
            ) : (
              <span className="text-xs text-danger">
                revoked <Ago at={key.revoked} />
              </span>
            )}
          </li>
        ))}
      </ul>
      {making && <MakeApiKey onClose={() => setMaking(false)} />}
      <Confirm
        open={doomed !== null}
        onOpenChange={(open) => {
          if (open) return;
          setDoomed(null);
          revoke.reset();
        }}
        title={`Revoke the key ${doomed?.name ?? ""}?`}
        text="Whatever uses it is refused from now on. This cannot be undone."
        action="Revoke"
        busy={revoke.isPending}
        problem={revoke.error}
        onConfirm={() => {
          if (doomed !== null) revoke.mutate(doomed.id, { onSuccess: () => setDoomed(null) });
        }}
      />
    </Card>
  );
}
