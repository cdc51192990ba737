import { Contrast } from "lucide-react";

import { Button } from "@/components/ui/button";
import { Menu, MenuItem, MenuLine } from "@/components/ui/menu";
import { setPalette, setTheme, type Theme, useTheme } from "@/lib/theme";

const THEMES: [Theme, string][] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function ThemeMenu() {
  const { theme, palette } = useTheme();
  const other = palette === "standard" ? "colour-blind" : "standard";
  return (
    <Menu
      trigger={
        <Button look="ghost" size="icon" aria-label="Colours">
          <Contrast size={16} />
        </Button>
      }
    >
      {THEMES.map(([value, text]) => (
        <MenuItem key={value} onSelect={() => setTheme(value)}>
          <span className="w-3">{theme === value ? "✓" : ""}</span>
          {text}
        </MenuItem>
      ))}
      <MenuLine />
      <MenuItem onSelect={() => setPalette(other)}>
        <span className="w-3">{palette === "colour-blind" ? "✓" : ""}</span>
        Colours for the colour-blind
      </MenuItem>
    </Menu>
  );
}
