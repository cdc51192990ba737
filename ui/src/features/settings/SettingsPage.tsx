import { useQuery } from "@tanstack/react-query";

import { serverVersion } from "@/api/admin";
import { session, useSignOut } from "@/api/session";
import { PageHeader } from "@/components/PageHeader";
import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { ApiKeys } from "@/features/settings/ApiKeys";
import { Appearance } from "@/features/settings/Appearance";
import { Database } from "@/features/settings/Database";
import { Retention } from "@/features/settings/Retention";
import { Services } from "@/features/settings/Services";
import { SettingList } from "@/features/settings/SettingList";

/** The server: what it is, how it is set, what it holds, and how it fares. */
export function SettingsPage() {
  const version = useQuery(serverVersion());
  const who = useQuery(session());
  const signOut = useSignOut();
  const name = who.data?.name ?? "";
  return (
    <>
      <PageHeader
        title="Settings"
        tab="Settings"
        actions={
          <span className="flex items-center gap-3 text-sm text-ink-2">
            {version.data !== undefined && <span>Levada {version.data.version}</span>}
            {name !== "" && <span>{name}</span>}
            {who.data?.kind === "session" && (
              <Button
                disabled={signOut.isPending}
                onClick={() => signOut.mutate(undefined, { onSuccess: () => location.assign("/sign-in") })}
              >
                Sign out
              </Button>
            )}
          </span>
        }
      />
      {version.error !== null && <Trouble problem={version.error} retry={() => void version.refetch()} />}
      {signOut.error !== null && <Trouble problem={signOut.error} />}
      <div className="grid gap-4 xl:grid-cols-2">
        <Appearance />
        <Retention />
        <Services />
        <Database />
        <ApiKeys />
        <SettingList />
      </div>
    </>
  );
}
