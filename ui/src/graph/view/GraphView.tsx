import { type ComponentType, type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";

import { classes } from "@/lib/classes";

import { criticalPath } from "../layout/criticalPath";
import type { GraphRenderer } from "../render/renderer";
import { Scene } from "../render/scene";
import type { LayoutKind, LayoutWish, Nodes, StateCode } from "../types";
import { useLayout } from "../useLayout";
import { GraphCanvas } from "./GraphCanvas";
import { HELP, listenToKeys } from "./keys";
import { Legend } from "./Legend";
import { Minimap, type MinimapHandle } from "./Minimap";
import { holdersOf, matching } from "./search";
import { Toolbar } from "./Toolbar";
import { step } from "./walk";
import { canOpen, inWords, totals } from "./words";
import { ZOOM_STEP, ZoomButtons } from "./ZoomButtons";

interface GraphViewProps {
  nodes: Nodes;
  /** Until when what goes on is drawn in a layout; it grows by itself from there. */
  now: number;
  kind: LayoutKind;
  onKind: (kind: LayoutKind) => void;
  /** Rows of maps and subflows that are shown with what is in them. */
  opened: ReadonlySet<number>;
  /** Opens or folds these rows. */
  onOpen: (rows: readonly number[], open: boolean) => void;
  /** Row that is selected; -1: none. */
  selected: number;
  onSelect: (row: number) => void;
  /** Goes to the page of a node that has nothing to open. */
  onEnter: (row: number) => void;
  /** Beside the legend: what is not all there, or goes on. */
  aside?: ReactNode;
  /** About the selected node. */
  Panel: ComponentType<PanelProps>;
}

export interface PanelProps {
  scene: Scene;
  row: number;
  opened: ReadonlySet<number>;
  onOpen: (rows: readonly number[], open: boolean) => void;
  /** Goes to another node; -1 closes the panel. */
  onGo: (row: number) => void;
}

/** Milliseconds after which a layout of something that goes on is made anew, although nothing was told. */
const AGAIN_MS = 10_000;
const NOTHING: ReadonlySet<StateCode> = new Set();

/** A graph with all that one does with it. */
export function GraphView(props: GraphViewProps) {
  const { nodes, now, kind, opened, onOpen, selected, onSelect, Panel } = props;
  // What goes on grows by itself; only after a while there is too little room for it.
  const [laid, setLaid] = useState({ nodes, now });
  if (laid.nodes !== nodes || Math.abs(now - laid.now) > AGAIN_MS) setLaid({ nodes, now });
  const asOf = laid.now;
  const wish = useMemo<LayoutWish>(() => ({ kind, opened, now: asOf }), [kind, opened, asOf]);
  const layout = useLayout(nodes, wish);
  const scene = useMemo(
    () => (layout === null ? null : new Scene(nodes, layout, opened)),
    [nodes, layout, opened],
  );
  const [path, setPath] = useState(false);
  const critical = useMemo(() => (path ? new Set(criticalPath(nodes, asOf)) : null), [path, nodes, asOf]);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const found = useMemo(() => matching(nodes, text), [nodes, text]);
  const matches = useMemo(() => (found === null ? null : withHolders(nodes, found)), [nodes, found]);
  const [states, setStates] = useState<ReadonlySet<StateCode>>(NOTHING);
  const [large, setLarge] = useState(false);
  const sums = useMemo(() => totals(nodes), [nodes]);
  const marks = useMemo(
    () => ({ selected, critical, matches, states: states.size === 0 ? null : states }),
    [selected, critical, matches, states],
  );
  const renderer = useRef<GraphRenderer | null>(null);
  const minimap = useRef<MinimapHandle>(null);
  // A node that is not there yet because what holds it is only now opened.
  const wanted = useRef(-1);

  const goTo = useCallback(
    (row: number) => {
      wanted.current = row;
      onSelect(row);
      const closed = holdersOf(nodes, row).filter((holder) => !opened.has(holder));
      if (closed.length > 0) onOpen(closed, true);
      else renderer.current?.goTo(row);
    },
    [nodes, opened, onOpen, onSelect],
  );
  useEffect(() => {
    if (wanted.current < 0 || scene === null || (scene.placeOf[wanted.current] ?? -1) < 0) return;
    renderer.current?.goTo(wanted.current);
    wanted.current = -1;
  }, [scene]);

  const search = (next: string): void => {
    setText(next);
    setAt(0);
    const all = matching(nodes, next);
    sought.current = all?.length === 0;
    if (all?.[0] !== undefined) goTo(all[0]);
  };
  // What was searched for may come later: when what holds it is opened, or as the run goes on.
  const sought = useRef(false);
  useEffect(() => {
    if (!sought.current || found?.[0] === undefined) return;
    sought.current = false;
    goTo(found[0]);
  }, [found, goTo]);
  const jump = (by: 1 | -1): void => {
    if (found === null || found.length === 0) return;
    const to = (at + by + found.length) % found.length;
    setAt(to);
    goTo(found[to] ?? -1);
  };
  const toggle = (row: number): void => {
    if (row < 0) return;
    if (canOpen(nodes, row)) onOpen([row], !opened.has(row));
    else props.onEnter(row);
  };
  const foldable = useMemo(() => [...nodes.maps.keys(), ...nodes.childRuns.keys()], [nodes]);

  const focus = useRef<HTMLDivElement>(null);
  const keys = useRef({ scene, selected, goTo, toggle, onSelect });
  useEffect(() => {
    keys.current = { scene, selected, goTo, toggle, onSelect };
  });
  const isThere = scene !== null;
  useEffect(() => {
    if (!isThere || focus.current === null) return;
    return listenToKeys(focus.current, {
      walk: (direction) => {
        const { scene, selected, goTo } = keys.current;
        if (scene !== null) goTo(step(scene, selected, direction, Date.now()));
      },
      zoom: (nearer) => renderer.current?.zoomSmoothly(nearer ? ZOOM_STEP : 1 / ZOOM_STEP),
      fit: () => renderer.current?.fit(),
      enter: () => keys.current.toggle(keys.current.selected),
      leave: () => keys.current.onSelect(-1),
    });
  }, [isThere]);

  return (
    <div
      className={classes(
        "flex flex-col gap-2",
        large ? "fixed inset-0 z-40 bg-canvas p-3" : "h-[max(26rem,calc(100dvh-19rem))]",
      )}
    >
      <Toolbar
        kind={kind}
        onKind={props.onKind}
        path={path}
        onPath={setPath}
        search={{ text, found: found?.length ?? null, at }}
        onSearch={search}
        onFound={jump}
        canOpen={foldable.some((row) => !opened.has(row))}
        canFold={opened.size > 0}
        onOpenAll={() => onOpen(foldable, true)}
        onFoldAll={() => onOpen([...opened], false)}
        large={large}
        onLarge={setLarge}
      />
      <div className="relative min-h-0 flex-1 overflow-hidden rounded-lg border border-line bg-surface">
        {/* Who cannot see the picture walks it by keyboard; the timeline has the same as a list. */}
        <div
          ref={focus}
          role="application"
          aria-label={`Graph of the run. ${HELP}`}
          aria-roledescription="graph"
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it is walked by arrow keys
          tabIndex={0}
          className="absolute inset-0 rounded-lg focus-visible:-outline-offset-2"
          data-graph-ready={isThere}
        >
          {scene !== null && (
            <GraphCanvas
              ref={renderer}
              scene={scene}
              marks={marks}
              covered={selected >= 0}
              onClick={(row) => {
                focus.current?.focus({ preventScroll: true });
                onSelect(row);
              }}
              onDouble={toggle}
              onDrawn={(drawn) => minimap.current?.follow(drawn)}
            />
          )}
        </div>
        {scene !== null && (
          <>
            <Minimap ref={minimap} scene={scene} onLook={(x, y) => renderer.current?.centre(x, y)} />
            <ZoomButtons renderer={() => renderer.current} />
            {selected >= 0 && selected < nodes.count && (
              <Panel
                key={nodes.ids[selected]}
                scene={scene}
                row={selected}
                opened={opened}
                onOpen={onOpen}
                onGo={(row) => (row < 0 ? onSelect(-1) : goTo(row))}
              />
            )}
          </>
        )}
      </div>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <Legend
          totals={sums}
          chosen={states}
          onToggle={(state) =>
            setStates((before) => {
              const next = new Set(before);
              if (!next.delete(state)) next.add(state);
              return next;
            })
          }
        />
        {props.aside}
      </div>
      <p aria-live="polite" className="sr-only">
        {selected >= 0 && scene !== null && said(scene, selected, now)}
      </p>
    </div>
  );
}

/** What is selected, for who does not see it. */
function said(scene: Scene, row: number, now: number): string {
  let [before, after] = [0, 0];
  const place = scene.placeOf[row] ?? -1;
  if (place >= 0) scene.linksOf(place, (_, leads) => (leads ? (after += 1) : (before += 1)));
  return `${inWords(scene.nodes, row, now)}; after ${before}, before ${after}`;
}

/** What holds something that was found stands out with it: it may be folded. */
function withHolders(nodes: Nodes, rows: readonly number[]): ReadonlySet<number> {
  const found = new Set(rows);
  for (const row of rows) for (const holder of holdersOf(nodes, row)) found.add(holder);
  return found;
}
