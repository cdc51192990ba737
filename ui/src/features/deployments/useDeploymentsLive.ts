import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";

import { deploymentKeys } from "@/api/deployments";
import { throttled, useStream } from "@/api/live";

/** Ask for deployments again, once a second at most, when runs change. */
export function useDeploymentsLive(): void {
  const queries = useQueryClient();
  const again = useMemo(
    () => throttled(() => void queries.invalidateQueries({ queryKey: deploymentKeys.all }), 1_000),
    [queries],
  );
  useEffect(() => again.cancel, [again]);
  useStream("/api/runs/stream", ["flow-run"], again, again);
}
