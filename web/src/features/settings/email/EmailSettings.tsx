import { useMay } from "../../../api/session";
import { ErrorState, RowsLoading } from "../../../ui/states";
import { useSettings } from "../useSettings";
import { Attachments } from "./Attachments";
import { Layout } from "./Layout";
import { Limit } from "./Limit";
import type { PartProps } from "../PartForm";
import { Reports } from "./Reports";
import { Sending } from "./Sending";
import { Signature } from "./Signature";

/** Everything about the mails of workflows: how they are sent, how often, what they look like, who vouches for them, and what comes back. */
export function EmailSettings() {
  const isAdmin = useMay("admin");
  const settings = useSettings();
  if (!settings.data) return settings.error ? <ErrorState error={settings.error} again={() => void settings.refetch()} /> : <RowsLoading />;
  const part: PartProps = { settings: settings.data, isAdmin };
  return (
    <>
      <Sending {...part} />
      <Limit {...part} />
      <Layout {...part} />
      <Signature {...part} />
      <Attachments {...part} />
      {isAdmin && <Reports />}
    </>
  );
}
