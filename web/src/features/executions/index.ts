export { Decisions } from "./Decisions";
export { ExecutionsScreen } from "./ExecutionsScreen";
export { ExecutionScreen } from "./ExecutionScreen";
