import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
export type Palette = "standard" | "colour-blind";

const THEME = "levada.theme";
const PALETTE = "levada.palette";
const watchers = new Set<() => void>();

function read<T extends string>(key: string, allowed: readonly T[], fallback: T): T {
  const found = localStorage.getItem(key);
  return allowed.find((one) => one === found) ?? fallback;
}

function theme(): Theme {
  return read(THEME, ["system", "light", "dark"], "system");
}

function palette(): Palette {
  return read(PALETTE, ["standard", "colour-blind"], "standard");
}

function isDark(): boolean {
  return theme() === "dark" || (theme() === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
}

function apply(): void {
  document.documentElement.classList.toggle("dark", isDark());
  document.documentElement.dataset["palette"] = palette();
  for (const each of watchers) each();
}

function watch(changed: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  watchers.add(changed);
  system.addEventListener("change", apply);
  return () => {
    watchers.delete(changed);
    system.removeEventListener("change", apply);
  };
}

export function setTheme(wanted: Theme): void {
  localStorage.setItem(THEME, wanted);
  apply();
}

export function setPalette(wanted: Palette): void {
  localStorage.setItem(PALETTE, wanted);
  apply();
}

export function useTheme(): { theme: Theme; palette: Palette; dark: boolean } {
  const key = useSyncExternalStore(watch, () => `${theme()} ${palette()} ${String(isDark())}`);
  const [chosen, colours, dark] = key.split(" ");
  return { theme: chosen as Theme, palette: colours as Palette, dark: dark === "true" };
}
