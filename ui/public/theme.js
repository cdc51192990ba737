// Before anything is drawn, so that a dark page never flashes white. The rest is in src/lib/theme.ts.
(() => {
  const wanted = localStorage.getItem("levada.theme") ?? "system";
  const dark =
    wanted === "dark" || (wanted === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
  document.documentElement.dataset.palette = localStorage.getItem("levada.palette") ?? "standard";
})();
