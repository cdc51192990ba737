import {
  Activity,
  Boxes,
  CalendarClock,
  Gauge,
  Layers,
  Package,
  Play,
  Settings,
  SlidersHorizontal,
  Variable,
} from "lucide-react";

/** Where one can go, and the keys that go there. */
export const PLACES = [
  { to: "/", text: "Dashboard", icon: Gauge, keys: "g d" },
  { to: "/runs", text: "Runs", icon: Play, keys: "g r" },
  { to: "/flows", text: "Flows", icon: Layers, keys: "g f" },
  { to: "/deployments", text: "Deployments", icon: CalendarClock, keys: "g p" },
  { to: "/work-pools", text: "Work pools", icon: Boxes, keys: "g w" },
  { to: "/variables", text: "Variables", icon: Variable, keys: "g v" },
  { to: "/events", text: "Events", icon: Activity, keys: "g e" },
  { to: "/concurrency", text: "Concurrency", icon: SlidersHorizontal, keys: "g c" },
  { to: "/artifacts", text: "Artifacts", icon: Package, keys: "g a" },
  { to: "/settings", text: "Settings", icon: Settings, keys: "g s" },
] as const;
