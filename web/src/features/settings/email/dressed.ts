// What a mail looks like in a layout: as the server puts it together (crates/actions/src/mail/layout.rs), with a mail that is made up.

/** Where the mail's own HTML stands; a layout needs it once. */
export const CONTENT = "{{content}}";

export type SampleMail = { subject: string; html: string; unsubscribeUrl: string; unsubscribe: string };

/** The layout around the mail; undefined when the mail has no place in it. A layout that has no line to unsubscribe gets one at its end. */
export function dressed(layout: string, mail: SampleMail): string | undefined {
  if (layout.split(CONTENT).length !== 2) return undefined;
  // As functions: text that has a `$` in it is nobody's pattern. The content last: what it says is nobody's placeholder.
  const filled = layout
    .replaceAll("{{subject}}", () => escaped(mail.subject))
    .replaceAll("{{unsubscribe_url}}", () => escaped(mail.unsubscribeUrl))
    .replace(CONTENT, () => mail.html);
  if (filled.includes(escaped(mail.unsubscribeUrl))) return filled;
  const line = `<p style="font-size:small"><a href="${escaped(mail.unsubscribeUrl)}">${escaped(mail.unsubscribe)}</a></p>`;
  const end = filled.toLowerCase().lastIndexOf("</body>");
  return end < 0 ? filled + line : filled.slice(0, end) + line + filled.slice(end);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
