import { notifications } from "@mantine/notifications";
import { reasonOf } from "../api/failure";
import { texts } from "./texts";

export function say(message: string): void {
  notifications.show({ message, autoClose: 4000, withCloseButton: false });
}

/** Stays until it is closed: it says why something did not happen. */
export function sayFailure(error: unknown): void {
  notifications.show({ message: reasonOf(error), color: "red", autoClose: 12_000, closeButtonProps: { "aria-label": texts.close } });
}
