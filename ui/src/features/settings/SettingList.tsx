import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { type Setting, settingList } from "@/api/admin";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { Card } from "@/components/ui/card";
import { Input } from "@/components/ui/input";
import { shown } from "@/features/settings/sizes";

/** How the server is set. The values of secrets never leave it. */
export function SettingList() {
  const found = useQuery(settingList());
  const [text, setText] = useState("");
  const [changed, setChanged] = useState(false);
  const wanted = text.trim().toLowerCase();
  const settings = (found.data ?? []).filter(
    (one) =>
      (!changed || one.source !== "default") &&
      `${one.name} ${one.description} ${shown(one.value)}`.toLowerCase().includes(wanted),
  );
  return (
    <Card
      className="xl:col-span-2"
      title="Settings of the server"
      aside={
        <span className="flex flex-wrap items-center gap-3">
          <label className="flex items-center gap-1.5 text-xs">
            <input
              type="checkbox"
              className="accent-[var(--accent)]"
              checked={changed}
              onChange={(event) => setChanged(event.target.checked)}
            />
            Only what was set
          </label>
          <Input
            type="search"
            className="h-7 w-48"
            placeholder="Name or description …"
            aria-label="Search settings"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </span>
      }
    >
      {found.isPending && <Loading />}
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      {found.data !== undefined && settings.length === 0 && (
        <Empty title="No setting is like this." command="levada config set NAME=VALUE">
          Settings are changed by the command line, in files or by environment variables; the server reads
          them when it starts.
        </Empty>
      )}
      <ul className="divide-y divide-line/60">
        {settings.map((one) => (
          <SettingRow key={one.name} setting={one} />
        ))}
      </ul>
    </Card>
  );
}

function SettingRow({ setting }: { setting: Setting }) {
  return (
    <li className="grid gap-x-4 px-4 py-2 md:grid-cols-[minmax(0,3fr)_minmax(0,2fr)_minmax(0,1fr)]">
      <span className="min-w-0">
        <code className="font-mono text-xs font-medium break-all">{setting.name}</code>
        <span className="block text-xs text-ink-3">{setting.description}</span>
      </span>
      <span className="min-w-0 font-mono text-xs break-all">
        {setting.secret === true
          ? setting.value == null
            ? "not set"
            : "•••••• (set)"
          : shown(setting.value)}
      </span>
      <span
        className={`text-xs break-all ${setting.source === "default" ? "text-ink-3" : "font-medium text-accent"}`}
      >
        {setting.source}
      </span>
    </li>
  );
}
