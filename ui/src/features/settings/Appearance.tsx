import { StateBadge } from "@/components/StateBadge";
import { Card } from "@/components/ui/card";
import { Field, Select } from "@/components/ui/input";
import { STATE_TYPES } from "@/lib/states";
import { type Palette, setPalette, setTheme, type Theme, useTheme } from "@/lib/theme";

/** How the page looks in this browser. */
export function Appearance() {
  const { theme, palette } = useTheme();
  return (
    <Card title="Appearance">
      <div className="space-y-3 px-4 py-3">
        <div className="grid grid-cols-2 gap-3">
          <Field label="Theme" hint="Kept in this browser.">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={theme}
                onChange={(event) => setTheme(event.target.value as Theme)}
              >
                <option value="system">As the system</option>
                <option value="light">Light</option>
                <option value="dark">Dark</option>
              </Select>
            )}
          </Field>
          <Field label="Colours of states" hint="A mark and a word stand beside each colour.">
            {(ids) => (
              <Select
                {...ids}
                className="w-full"
                value={palette}
                onChange={(event) => setPalette(event.target.value as Palette)}
              >
                <option value="standard">Standard</option>
                <option value="colour-blind">For the colour-blind</option>
              </Select>
            )}
          </Field>
        </div>
        <div className="flex flex-wrap gap-2">
          {STATE_TYPES.map((type) => (
            <StateBadge key={type} type={type} />
          ))}
        </div>
      </div>
    </Card>
  );
}
