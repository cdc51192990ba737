import { MutationCache, QueryClient } from "@tanstack/react-query";
import { toast } from "sonner";

import { ApiProblem, messageOf } from "@/api/client";

export const queryClient = new QueryClient({
  mutationCache: new MutationCache({
    // What a form shows at its fields it marks with `meta: { quiet: true }`.
    onError: (problem, _variables, _context, mutation) => {
      if (mutation.meta?.["quiet"] !== true) toast.error(messageOf(problem));
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // What the server refuses it refuses again; what did not answer may.
      retry: (count, problem) =>
        count < 2 && !(problem instanceof ApiProblem && problem.status >= 400 && problem.status < 500),
    },
  },
});
