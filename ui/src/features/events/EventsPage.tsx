import { PageHeader } from "@/components/PageHeader";

// A placeholder until the page is written.
export function EventsPage() {
  return <PageHeader title="" tab="" />;
}
