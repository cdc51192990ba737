import { useMemo, useState } from "react";

import { ApiProblem } from "@/api/client";
import {
  fieldsOf,
  type FormProblems,
  type FormValues,
  initialValues,
  problemsOf,
  readForm,
  type Schema,
} from "@/features/deployments/schemaForm";

interface Asks {
  spec: { parameter_schema?: Schema | null | undefined; parameters?: Record<string, unknown> | undefined };
}

/**
 * The form of a deployment's parameters, or of what a paused run asks for: what stands in it, and what comes of it.
 *
 * `over` are parameters that somebody set already, over those of the deployment.
 */
export function useSchemaForm(asks: Asks, over: Record<string, unknown> = {}) {
  const { parameter_schema: schema, parameters } = asks.spec;
  const fields = useMemo(() => fieldsOf(schema, parameters), [schema, parameters]);
  const [values, setValues] = useState<FormValues>(() => {
    const before = initialValues(fieldsOf(schema, { ...parameters, ...over }));
    return { ...initialValues(fields), ...before };
  });
  const [problems, setProblems] = useState<FormProblems>({});
  return {
    fields,
    values,
    problems,
    onChange: (to: FormValues): void => {
      setValues(to);
      setProblems({});
    },
    /** The parameters, or null when the form has to be put right first; it then says where. */
    take: (): Record<string, unknown> | null => {
      const read = readForm(fields, values);
      setProblems(read.problems);
      return Object.keys(read.problems).length > 0 ? null : read.parameters;
    },
    /** What the server said goes to the fields that it means. */
    refuse: (problem: unknown, under?: string): void => {
      if (problem instanceof ApiProblem) setProblems(problemsOf(problem.fields, under));
    },
  };
}
