import { useState } from "react";

import { SchemaForm } from "@/features/deployments/SchemaForm";
import {
  fieldsOf,
  type FormProblems,
  type FormValues,
  initialValues,
  readForm,
} from "@/features/deployments/schemaForm";
import { variablesOf, withDefaults } from "@/features/pools/template";

interface TemplateFormProps {
  /** As it is when the form is opened. */
  template: Record<string, unknown>;
  onChange: (template: Record<string, unknown>) => void;
}

/** The defaults of a base job template's variables, as a form. */
export function TemplateForm({ template, onChange }: TemplateFormProps) {
  const [begun] = useState(template);
  const fields = fieldsOf(variablesOf(begun));
  const [values, setValues] = useState<FormValues>(() => initialValues(fields));
  const [problems, setProblems] = useState<FormProblems>({});
  return (
    <SchemaForm
      fields={fields}
      values={values}
      problems={problems}
      onChange={(to) => {
        setValues(to);
        const read = readForm(fields, to);
        setProblems(read.problems);
        onChange(withDefaults(begun, read.parameters));
      }}
    />
  );
}
