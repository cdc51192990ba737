import { PageHeader } from "@/components/PageHeader";

// A placeholder until the page is written.
export function SettingsPage() {
  return <PageHeader title="" tab="" />;
}
