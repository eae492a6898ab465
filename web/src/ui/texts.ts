/** Words that the shared pieces say. */
export const texts = {
  again: "Try again",
  failed: "This could not be loaded",
  more: "Show more",
  none: "—",
  clear: "Clear filters",
  cancel: "Cancel",
  save: "Save",
  saved: "Saved",
  copy: "Copy",
  copied: "Copied",
  loading: "Loading",
  search: "Search",
  total: (total: number, isCapped: boolean) => `${total.toLocaleString()}${isCapped ? "+" : ""}`,
  now: "now",
  close: "Close",
  statuses: {
    pending: "Pending", running: "Running", waiting: "Waiting", retrying: "Retrying", completed: "Completed", failed: "Failed", cancelled: "Cancelled",
    unmatched: "Not matched", stopped: "Stopped early", withFailures: (count: number) => `Completed, ${count} failed`,
  },
};
