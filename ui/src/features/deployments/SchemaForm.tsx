import { JsonEditor } from "@/components/JsonEditor";
import { Field, Input, Select, TextArea } from "@/components/ui/input";
import type { FormField, FormProblems, FormValues } from "@/features/deployments/schemaForm";

interface SchemaFormProps {
  fields: readonly FormField[];
  values: FormValues;
  problems: FormProblems;
  onChange: (values: FormValues) => void;
  /** What is said when the schema has no fields. */
  nothing?: string;
}

/** A form made from a JSON schema. */
export function SchemaForm({ fields, values, problems, onChange, nothing }: SchemaFormProps) {
  if (fields.length === 0)
    return <p className="text-sm text-ink-3">{nothing ?? "The flow takes no parameters."}</p>;
  return (
    <div className="space-y-3">
      {fields.map((field) => (
        <SchemaField
          key={field.name}
          field={field}
          text={values[field.name] ?? ""}
          problem={problems[field.name]}
          onChange={(text) => onChange({ ...values, [field.name]: text })}
        />
      ))}
    </div>
  );
}

const WORDS: Record<FormField["kind"], string> = {
  text: "text",
  number: "number",
  integer: "whole number",
  boolean: "yes or no",
  choice: "choice",
  json: "JSON",
};

function labelOf(field: FormField): string {
  const type = field.schema["type"];
  const word = field.kind === "json" && typeof type === "string" ? `${type}, JSON` : WORDS[field.kind];
  return `${field.name} (${word}${field.required ? ", needed" : ""})`;
}

interface SchemaFieldProps {
  field: FormField;
  text: string;
  problem: string | undefined;
  onChange: (text: string) => void;
}

function SchemaField({ field, text, problem, onChange }: SchemaFieldProps) {
  return (
    <Field label={labelOf(field)} hint={field.description} problem={problem}>
      {(ids) => {
        const shared = { ...ids, value: text, "aria-required": field.required };
        switch (field.kind) {
          case "boolean":
          case "choice":
            return (
              <Select {...shared} className="w-full" onChange={(event) => onChange(event.target.value)}>
                {(field.nullable || !field.hasFallback) && (
                  <option value="">{field.nullable ? "none" : "choose …"}</option>
                )}
                {(field.kind === "boolean" ? [true, false] : field.choices).map((choice) => {
                  const value = JSON.stringify(choice);
                  return (
                    <option key={value} value={value}>
                      {typeof choice === "string" ? choice : value}
                    </option>
                  );
                })}
              </Select>
            );
          case "number":
          case "integer":
            return (
              <Input
                {...shared}
                inputMode="decimal"
                className="tabular-nums"
                onChange={(event) => onChange(event.target.value)}
              />
            );
          case "json":
            return (
              <JsonEditor
                id={shared.id}
                label={labelOf(field)}
                describedBy={shared["aria-describedby"]}
                value={text}
                onChange={onChange}
              />
            );
          case "text":
            return text.includes("\n") ? (
              <TextArea {...shared} rows={4} onChange={(event) => onChange(event.target.value)} />
            ) : (
              <Input {...shared} onChange={(event) => onChange(event.target.value)} />
            );
        }
      }}
    </Field>
  );
}
