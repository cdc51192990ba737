import { infiniteQueryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";
import { named } from "@/api/names";

export type Variable = Schemas["VariableView"];

export const variableKeys = { all: ["variables"] as const };

export function variableList() {
  return infiniteQueryOptions({
    queryKey: [...variableKeys.all, "list"] as const,
    queryFn: ({ pageParam, signal }) =>
      asked(api.GET("/api/variables", { params: { query: { limit: 200, cursor: pageParam } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
  });
}

/** What a form says of a variable. `was` is its name before, when it is there already. */
export interface VariableGiven {
  was: string | null;
  name: string;
  value: unknown;
  tags: string[];
}

/** Make a variable (never in the place of another), or change one. */
export function useSaveVariable() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ was, name, value, tags }: VariableGiven) =>
      was === null
        ? asked(
            api.PUT("/api/variables/{name}", {
              params: named(name),
              body: { value, tags, overwrite: false },
            }),
          )
        : asked(
            api.PATCH("/api/variables/{name}", {
              params: named(was),
              body: { value, tags, ...(name === was ? {} : { new_name: name }) },
            }),
          ),
    onSettled: () => queries.invalidateQueries({ queryKey: variableKeys.all }),
  });
}

export function useDeleteVariable() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => asked(api.DELETE("/api/variables/{name}", { params: named(name) })),
    onSettled: () => queries.invalidateQueries({ queryKey: variableKeys.all }),
  });
}
