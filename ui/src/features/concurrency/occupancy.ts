import type { Limit } from "@/api/limits";

/** How full a limit is. */
export interface Occupancy {
  taken: number;
  slots: number;
  /** From 0 to 1; what is over the limit (it was made smaller meanwhile) is full. */
  share: number;
  over: boolean;
}

export function occupancyOf(limit: Pick<Limit, "limit" | "holders">): Occupancy {
  const taken = (limit.holders ?? []).reduce((sum, one) => sum + one.slots, 0);
  const slots = limit.limit;
  return {
    taken,
    slots,
    share: slots > 0 ? Math.min(1, taken / slots) : taken > 0 ? 1 : 0,
    over: taken > slots,
  };
}

/** What a limit is about, as its name says it. */
export function kindOf(name: string): string {
  if (name.startsWith("tag:")) return `Tasks with the tag ${name.slice(4)}`;
  return "Asked for by name";
}

/** Slots or a decay as typed: a number that is not negative, or why not. */
export function readAmount(text: string, whole: boolean): { value: number } | { problem: string } {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) return { problem: "A number from 0 on." };
  if (whole && !Number.isInteger(value)) return { problem: "A whole number." };
  return { value };
}
