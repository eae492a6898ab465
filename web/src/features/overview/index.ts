export { OverviewScreen } from "./OverviewScreen";
