import { layOut } from "./layout/layOut";
import type { Layout, LayoutNodes, LayoutWish, NodeKind, Nodes } from "./types";

const KINDS: readonly NodeKind[] = ["task-run", "flow-run", "map"];

/** What a layout is made of: the columns of numbers, without the texts. */
export interface Asked extends Omit<LayoutNodes, "kinds"> {
  readonly kinds: Uint8Array;
  readonly wish: LayoutWish;
}

/** A worker, as far as it is used. */
export interface Port {
  postMessage(message: Asked): void;
  terminate(): void;
  onmessage: ((event: MessageEvent<Layout>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

/** The worker's part: what it was asked for, and the arrays that need not be copied on their way back. */
export function answer(asked: Asked): { layout: Layout; transfer: ArrayBufferLike[] } {
  const kinds = Array.from(asked.kinds, (kind) => KINDS[kind] ?? "task-run");
  const layout = layOut({ ...asked, kinds }, asked.wish);
  const { shown, x, y, width, height, edges } = layout;
  return { layout, transfer: [shown, x, y, width, height, edges].map((column) => column.buffer) };
}

/**
 * Asks a worker for one layout at a time. What was asked while it worked and is asked differently since is never laid
 * out. Where no worker can be had, the layout is made at once.
 */
export class LayoutQueue {
  private port: Port | null | undefined;
  private isBusy = false;
  private next: [Nodes, LayoutWish] | undefined;
  private current: [Nodes, LayoutWish] | undefined;

  constructor(
    private readonly open: () => Port | null,
    private readonly done: (layout: Layout) => void,
  ) {}

  ask(nodes: Nodes, wish: LayoutWish): void {
    if (this.port === undefined) this.port = this.opened();
    this.next = [nodes, wish];
    if (this.port === null) this.layOutHere();
    else if (!this.isBusy) this.send(this.port);
  }

  close(): void {
    this.port?.terminate();
    this.port = null;
    this.next = this.current = undefined;
  }

  private opened(): Port | null {
    const port = this.open();
    if (port === null) return null;
    port.onmessage = ({ data }) => {
      this.isBusy = false;
      this.done(data);
      this.send(port);
    };
    // A worker that does not start or breaks is not asked again.
    port.onerror = () => {
      port.terminate();
      this.port = null;
      this.next ??= this.current;
      this.layOutHere();
    };
    return port;
  }

  private send(port: Port): void {
    if (this.next === undefined) return;
    const [nodes, wish] = (this.current = this.next);
    this.next = undefined;
    this.isBusy = true;
    const { count, started, ended, holders, indexes, parents, parentStarts } = nodes;
    const kinds = Uint8Array.from(nodes.kinds, (kind) => KINDS.indexOf(kind));
    port.postMessage({ count, started, ended, holders, indexes, parents, parentStarts, kinds, wish });
  }

  private layOutHere(): void {
    if (this.next === undefined) return;
    const [nodes, wish] = this.next;
    this.next = undefined;
    this.done(layOut(nodes, wish));
  }
}
