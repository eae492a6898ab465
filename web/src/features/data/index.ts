export { AnswersScreen } from "./AnswersScreen";
export { ContactsScreen } from "./ContactsScreen";
export { FormScreen } from "./FormScreen";
export { FormsScreen } from "./FormsScreen";
export { NotificationsScreen } from "./NotificationsScreen";
export { OutboxScreen } from "./OutboxScreen";
export { SubmissionScreen } from "./SubmissionScreen";
export { TicketsScreen } from "./TicketsScreen";
