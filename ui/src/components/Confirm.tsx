import { Trouble } from "@/components/Notices";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";

interface ConfirmProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  text: string;
  action: string;
  /** Whether it cannot be taken back. */
  danger?: boolean;
  busy: boolean;
  problem: unknown;
  onConfirm: () => void;
}

/** Asks before something is done that cannot be taken back, or that others will feel. */
export function Confirm({
  open,
  onOpenChange,
  title,
  text,
  action,
  danger = true,
  busy,
  problem,
  onConfirm,
}: ConfirmProps) {
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={title}
      description={text}
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button look={danger ? "danger" : "primary"} disabled={busy} onClick={onConfirm}>
            {action}
          </Button>
        </>
      }
    >
      {problem != null && <Trouble problem={problem} />}
    </Dialog>
  );
}
