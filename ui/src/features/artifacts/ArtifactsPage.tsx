import { PageHeader } from "@/components/PageHeader";

// A placeholder until the page is written.
export function ArtifactsPage() {
  return <PageHeader title="" tab="" />;
}
