export { JobsScreen } from "./JobsScreen";
export { StartDialog } from "./StartDialog";
