import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { useEffect, useState } from "react";

import { Dialog } from "@/components/ui/dialog";
import { PLACES } from "@/components/places";
import { PaletteDeeds } from "@/components/PaletteDeeds";
import { PaletteFound } from "@/components/PaletteFound";
import { setPalette, setTheme } from "@/lib/theme";

/** Whether keys that are pressed belong to something that is written into. */
function writing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

const SHEET: [string, string][] = [
  ["Ctrl K", "Go to, or do"],
  ["/", "To the search of a page"],
  ["?", "This sheet"],
  ...PLACES.map(({ keys, text }): [string, string] => [keys, text]),
];

/** The palette of commands, the sheet of shortcuts, and the shortcuts. */
export function Palette() {
  const [open, setOpen] = useState(false);
  const [sheet, setSheet] = useState(false);
  const [text, setText] = useState("");
  const navigate = useNavigate();

  useEffect(() => {
    let leader = -Infinity;
    const press = (event: KeyboardEvent): void => {
      if (event.key === "k" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        setOpen((before) => !before);
        return;
      }
      if (writing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      // Keys that are pressed in a dialog are meant for it.
      if (document.querySelector('[role="dialog"]') !== null) return;
      if (event.key === "?") setSheet(true);
      else if (event.key === "/") {
        const search = document.querySelector<HTMLInputElement>("#main input[type=search]");
        if (search !== null) {
          event.preventDefault();
          search.focus();
        }
      } else if (event.key === "g") leader = event.timeStamp;
      else if (event.timeStamp - leader < 1500) {
        leader = -Infinity;
        const place = PLACES.find(({ keys }) => keys === `g ${event.key}`);
        if (place !== undefined) void navigate({ to: place.to });
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [navigate]);

  const go = (act: () => void) => () => {
    setOpen(false);
    setText("");
    act();
  };

  return (
    <>
      <Dialog open={sheet} onOpenChange={setSheet} title="Keys">
        <dl className="grid grid-cols-[6rem_1fr] gap-y-1.5 text-sm">
          {SHEET.map(([keys, does]) => (
            <div key={keys} className="contents">
              <dt>
                <kbd className="rounded border border-line bg-sunken px-1.5 font-mono text-xs">{keys}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
      </Dialog>
      <Dialog
        open={open}
        onOpenChange={(wanted) => {
          setOpen(wanted);
          setText("");
        }}
        title="Go to, or do"
      >
        <Command label="Go to, or do" className="space-y-2" loop>
          <Command.Input
            // It was opened to be written into.
            // eslint-disable-next-line jsx-a11y/no-autofocus
            autoFocus
            value={text}
            onValueChange={setText}
            placeholder="A page, a run, an action …"
            className="h-9 w-full rounded-md border border-line bg-surface px-3 text-sm"
          />
          <Command.List className="max-h-80 overflow-y-auto text-sm [&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-ink-3 [&_[cmdk-item]]:flex [&_[cmdk-item]]:cursor-pointer [&_[cmdk-item]]:items-center [&_[cmdk-item]]:gap-2 [&_[cmdk-item]]:rounded-md [&_[cmdk-item]]:px-2 [&_[cmdk-item]]:py-1.5 [&_[cmdk-item][data-selected=true]]:bg-sunken">
            <Command.Empty className="px-2 py-4 text-ink-3">Nothing of that name.</Command.Empty>
            <PaletteFound text={text} go={go} />
            <Command.Group heading="Pages">
              {PLACES.map(({ to, text: name, icon: Icon }) => (
                <Command.Item key={to} onSelect={go(() => void navigate({ to }))}>
                  <Icon size={15} aria-hidden /> {name}
                </Command.Item>
              ))}
            </Command.Group>
            <Command.Group heading="Do">
              <PaletteDeeds go={go} />
              <Command.Item
                onSelect={go(() => void navigate({ to: "/runs", search: { state: ["FAILED", "CRASHED"] } }))}
              >
                Show what failed
              </Command.Item>
              <Command.Item onSelect={go(() => setTheme("dark"))}>Dark colours</Command.Item>
              <Command.Item onSelect={go(() => setTheme("light"))}>Light colours</Command.Item>
              <Command.Item onSelect={go(() => setTheme("system"))}>
                Colours as the system has them
              </Command.Item>
              <Command.Item onSelect={go(() => setPalette("colour-blind"))}>
                States in colours for the colour-blind
              </Command.Item>
              <Command.Item onSelect={go(() => setPalette("standard"))}>
                States in the usual colours
              </Command.Item>
              <Command.Item onSelect={go(() => setSheet(true))}>Show the keys</Command.Item>
            </Command.Group>
          </Command.List>
        </Command>
      </Dialog>
    </>
  );
}
