export { WorkflowsScreen } from "./WorkflowsScreen";
export { WorkflowScreen } from "./WorkflowScreen";
export { VersionsScreen } from "./VersionsScreen";
