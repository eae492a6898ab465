export { WorkflowsScreen } from "./WorkflowsScreen";
export { WorkflowScreen } from "./WorkflowScreen";
