import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";

import { type Limit, limitList } from "@/api/limits";
import { Empty, Loading, Trouble } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input } from "@/components/ui/input";
import { EditLimit } from "@/features/concurrency/EditLimit";
import { LimitCard } from "@/features/concurrency/LimitCard";

/** Limits on what may run at once: how full they are, who holds slots, and who waits. */
export function ConcurrencyPage() {
  const found = useQuery(limitList());
  const [text, setText] = useState("");
  const [edited, setEdited] = useState<Limit | "new" | null>(null);
  const wanted = text.trim().toLowerCase();
  const limits = (found.data ?? []).filter((one) => one.name.toLowerCase().includes(wanted));
  return (
    <>
      <PageHeader
        title="Concurrency"
        tab="Concurrency"
        actions={
          <>
            <Input
              type="search"
              value={text}
              onChange={(event) => setText(event.target.value)}
              placeholder="Name …"
              aria-label="Search limits by name"
              className="w-48"
            />
            <Button look="primary" onClick={() => setEdited("new")}>
              <Plus size={14} aria-hidden /> New limit
            </Button>
          </>
        }
      />
      {found.isPending && <Loading />}
      {found.error !== null && <Trouble problem={found.error} retry={() => void found.refetch()} />}
      {found.data?.length === 0 && (
        <Card>
          <Empty
            title="There are no concurrency limits."
            command={
              'levada concurrency-limit create tag:database 5   # tasks of a tag\nlevada concurrency-limit create api 10 --decay 2\n\n# in a flow\nfrom levada.concurrency.sync import concurrency\nwith concurrency("api"):\n    ...'
            }
          >
            A limit bounds how many tasks, flows or blocks of code are at work at once, wherever they run.
          </Empty>
        </Card>
      )}
      {found.data !== undefined && found.data.length > 0 && limits.length === 0 && (
        <Empty title={`No limit has “${text.trim()}” in its name.`} />
      )}
      <div className="grid gap-4 xl:grid-cols-2">
        {limits.map((limit) => (
          <LimitCard key={limit.name} limit={limit} onEdit={() => setEdited(limit)} />
        ))}
      </div>
      {edited !== null && (
        <EditLimit limit={edited === "new" ? null : edited} onClose={() => setEdited(null)} />
      )}
    </>
  );
}
