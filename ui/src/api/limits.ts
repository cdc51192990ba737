import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";
import { named } from "@/api/names";

export type Limit = Schemas["LimitView"];
export type Holder = Schemas["Holder"];
export type Waiter = Schemas["Waiter"];

export const limitKeys = { all: ["limits"] as const };

/** All limits with who holds them. No stream tells of slots, so it is asked for while somebody looks. */
export function limitList() {
  return queryOptions({
    queryKey: limitKeys.all,
    queryFn: ({ signal }) => asked(api.GET("/api/concurrency_limits", { signal })),
    refetchInterval: 3_000,
  });
}

export type LimitAction =
  | { do: "make"; name: string; slots: number; decay: number }
  | { do: "change"; name: string; slots?: number; decay?: number; active?: boolean }
  | { do: "reset"; name: string }
  | { do: "delete"; name: string };

async function act(action: LimitAction): Promise<void> {
  const { name } = action;
  switch (action.do) {
    case "make":
      await asked(
        api.POST("/api/concurrency_limits", {
          body: { name, slots: action.slots, decay: action.decay, active: true },
        }),
      );
      return;
    case "change": {
      const { slots, decay, active } = action;
      await asked(
        api.PATCH("/api/concurrency_limits/{name}", {
          params: named(name),
          body: {
            ...(slots === undefined ? {} : { slots }),
            ...(decay === undefined ? {} : { decay }),
            ...(active === undefined ? {} : { active }),
          },
        }),
      );
      return;
    }
    case "reset":
      await asked(api.POST("/api/concurrency_limits/{name}/reset", { params: named(name) }));
      return;
    case "delete":
      await asked(api.DELETE("/api/concurrency_limits/{name}", { params: named(name) }));
  }
}

export function useLimitAction() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () => queries.invalidateQueries({ queryKey: limitKeys.all }),
  });
}
