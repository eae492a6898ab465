import { Link } from "@tanstack/react-router";
import type { Schema } from "../../../api/client";
import type { Field, Values } from "../../../ui/RecordForm";
import { PartForm, type PartProps, textIn, touches } from "../PartForm";
import { Section } from "../Section";
import { texts } from "./texts";

const words = texts.sending;
const SERVER = "useSmtp";
const hasServer = (values: Values) => values[SERVER] === true;

function fieldsOf(hasPassword: boolean): Field[] {
  return [
    { name: "sender.name", label: words.senderName, isHalf: true },
    { name: "sender.email", label: words.senderEmail, kind: "email", isHalf: true },
    { name: SERVER, label: words.useSmtp, kind: "switch" },
    { name: "smtp.host", label: words.host, placeholder: "smtp.example.com", isRequired: true, isHalf: true, isShown: hasServer },
    { name: "smtp.port", label: words.port, kind: "number", isRequired: true, isHalf: true, isShown: hasServer },
    { name: "smtp.security", label: words.security, kind: "select", isRequired: true, choices: words.securities, isShown: hasServer },
    { name: "smtp.username", label: words.username, isHalf: true, isShown: hasServer },
    { name: "smtp.password", label: words.password, kind: "password", isHalf: true, isShown: hasServer, ...(hasPassword && { hint: words.passwordSet }) },
  ];
}

/** Who mails come from, and which server takes them. */
export function Sending(part: PartProps) {
  const { sender, smtp } = part.settings;
  const initial: Values = {
    "sender.name": sender?.name ?? null, "sender.email": sender?.email ?? null, [SERVER]: Boolean(smtp),
    "smtp.host": smtp?.host ?? null, "smtp.port": smtp?.port ?? 587, "smtp.security": smtp?.security ?? "starttls", "smtp.username": smtp?.username ?? null, "smtp.password": null,
  };
  const fields = fieldsOf(smtp?.has_password === true).filter(({ kind }) => part.isAdmin || kind !== "password");
  const hint = smtp ? words.hint : <>{words.hint} {words.kept} <Link to="/outbox">{words.outbox}</Link>.</>;
  return <Section title={words.title} hint={hint}><PartForm {...part} fields={fields} initial={initial} bodyOf={bodyOf} /></Section>;
}

/** Only what was touched is sent, the sender and the server each as a whole. */
function bodyOf(changed: Values, all: Values): Schema<"Settings"> {
  const text = (name: string) => textIn(all, name) || null;
  const password = textIn(all, "smtp.password");
  const smtp: Schema<"Smtp"> = { host: textIn(all, "smtp.host"), port: Number(all["smtp.port"] ?? 0), security: text("smtp.security"), username: text("smtp.username"), ...(password && { password }) };
  return {
    ...(touches(changed, "sender.") && { sender: { name: text("sender.name"), email: text("sender.email") } }),
    ...((touches(changed, "smtp.") || SERVER in changed) && { smtp: hasServer(all) ? smtp : null }),
  };
}
