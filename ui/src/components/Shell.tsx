import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { Menu as MenuIcon, UserRound, X } from "lucide-react";
import { useEffect, useState } from "react";

import { useLiveTrouble } from "@/api/live";
import { session, useSignOut } from "@/api/session";
import { Palette } from "@/components/Palette";
import { PLACES } from "@/components/places";
import { ThemeMenu } from "@/components/ThemeMenu";
import { Button } from "@/components/ui/button";
import { Menu, MenuItem } from "@/components/ui/menu";
import { classes } from "@/lib/classes";

/** What is around every page: where one can go, and whether what is shown is current. */
export function Shell() {
  const [open, setOpen] = useState(false);
  return (
    <div className="flex h-full">
      <a
        href="#main"
        className="sr-only z-50 rounded bg-accent px-3 py-2 text-accent-ink focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        To the content
      </a>
      {open && (
        <button
          type="button"
          aria-label="Close the menu"
          className="fixed inset-0 z-20 bg-black/40 md:hidden"
          onClick={() => setOpen(false)}
        />
      )}
      <aside
        className={classes(
          "fixed inset-y-0 left-0 z-30 flex w-52 shrink-0 flex-col border-r border-line bg-surface transition-transform md:static md:translate-x-0",
          open ? "translate-x-0" : "-translate-x-full max-md:invisible",
        )}
      >
        <div className="flex h-12 items-center justify-between px-4">
          <Link
            to="/"
            className="flex items-center gap-2 text-base font-semibold"
            onClick={() => setOpen(false)}
          >
            <img src="/favicon.svg" alt="" width={22} height={22} />
            Levada
          </Link>
          <Button
            look="ghost"
            size="icon"
            className="md:hidden"
            aria-label="Close the menu"
            onClick={() => setOpen(false)}
          >
            <X size={16} />
          </Button>
        </div>
        <nav aria-label="Pages" className="flex-1 space-y-0.5 overflow-y-auto px-2 py-1">
          {PLACES.map(({ to, text, icon: Icon }) => (
            <Link
              key={to}
              to={to}
              onClick={() => setOpen(false)}
              activeOptions={{ exact: to === "/", includeSearch: false }}
              className="flex items-center gap-2.5 rounded-md px-2.5 py-1.5 text-ink-2 hover:bg-sunken hover:text-ink"
              activeProps={{ className: "bg-accent-soft font-medium text-ink" }}
            >
              <Icon size={16} aria-hidden />
              {text}
            </Link>
          ))}
        </nav>
        <div className="flex items-center justify-between border-t border-line px-3 py-2">
          <a href="/api/docs" className="text-xs text-ink-3 hover:text-ink hover:underline">
            API
          </a>
          <span className="flex items-center gap-1">
            <Who />
            <ThemeMenu />
          </span>
        </div>
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-surface px-3 md:hidden">
          <Button look="ghost" size="icon" aria-label="Open the menu" onClick={() => setOpen(true)}>
            <MenuIcon size={18} />
          </Button>
          <span className="font-semibold">Levada</span>
        </header>
        <Away />
        <main id="main" className="min-h-0 flex-1 overflow-y-auto px-3 py-4 sm:px-6">
          <Outlet />
        </main>
      </div>
      <Palette />
    </div>
  );
}

/** Who is signed in, and the way out. */
function Who() {
  const who = useQuery(session());
  const signOut = useSignOut();
  const { known, kind, name } = who.data ?? {};
  const navigate = useNavigate();
  const back = useLocation({ select: (at) => at.href });
  useEffect(() => {
    if (known === false) void navigate({ to: "/sign-in", search: { back, ended: true } });
  }, [known, back, navigate]);
  if (kind !== "session") return null;
  return (
    <Menu
      trigger={
        <Button look="ghost" size="icon" aria-label={`Signed in as ${name ?? "somebody"}`} title={name}>
          <UserRound size={16} />
        </Button>
      }
    >
      <p className="max-w-56 truncate px-2 py-1 text-xs text-ink-3">{name}</p>
      <MenuItem onSelect={() => signOut.mutate(undefined, { onSuccess: () => location.assign("/sign-in") })}>
        Sign out
      </MenuItem>
    </Menu>
  );
}

function Away() {
  const away = useLiveTrouble();
  return (
    <div role="status">
      {away && (
        <p className="border-b border-line bg-accent-soft px-4 py-1.5 text-xs">
          The live stream of the server is away. What you see is asked for every few seconds until it is back.
        </p>
      )}
    </div>
  );
}
