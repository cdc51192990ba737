import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";

import { api, asked, type Schemas } from "@/api/client";

export type Setting = Schemas["SettingView"];
export type Service = Schemas["ServiceView"];
export type ApiKey = Schemas["ApiKeyView"];

const KEYS = ["api-keys"] as const;

export const serverVersion = () =>
  queryOptions({
    queryKey: ["version"] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/version", { signal })),
  });

export const settingList = () =>
  queryOptions({
    queryKey: ["admin", "settings"] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/admin/settings", { signal })),
  });

export const databaseSizes = () =>
  queryOptions({
    queryKey: ["admin", "database"] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/admin/database", { signal })),
  });

export const retention = () =>
  queryOptions({
    queryKey: ["admin", "retention"] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/admin/retention", { signal })),
  });

export const serviceList = () =>
  queryOptions({
    queryKey: ["admin", "services"] as const,
    queryFn: ({ signal }) => asked(api.GET("/api/admin/services", { signal })),
    refetchInterval: 5_000,
  });

export const apiKeyList = () =>
  queryOptions({ queryKey: KEYS, queryFn: ({ signal }) => asked(api.GET("/api/api_keys", { signal })) });

export function useMakeApiKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (key: { name: string; scopes: string[]; expires: string | null }) =>
      asked(api.POST("/api/api_keys", { body: key })),
    onSettled: () => queries.invalidateQueries({ queryKey: KEYS }),
  });
}

export function useRevokeApiKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      asked(api.DELETE("/api/api_keys/{api_key}", { params: { path: { api_key: id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: KEYS }),
  });
}
