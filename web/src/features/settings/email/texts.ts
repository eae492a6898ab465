/** What the settings for mail say. */
export const texts = {
  sending: {
    title: "Sender and server",
    hint: "Who the mails of workflows come from, and which server takes them.",
    kept: "Without a server of your own they go by the installation's; where there is none either, they are kept in the",
    outbox: "outbox",
    senderName: "Name of the sender", senderEmail: "Address of the sender", useSmtp: "Send mails through a server of your own",
    host: "Host", port: "Port", security: "Encryption", username: "User", password: "Password", passwordSet: "A password is set; empty keeps it, as long as host, port and user stay.",
    securities: [{ value: "starttls", label: "STARTTLS" }, { value: "tls", label: "TLS from the first byte" }, { value: "none", label: "None: only for a server on the same machine" }],
  },
  limit: {
    title: "How often",
    hint: "So that nobody is written to too often: marketing mails that a contact would get beyond this are left out, and the step says so. Other mails are not counted.",
    list: "Who gets none at all",
    mails: "Marketing mails at most", period: "Within",
  },
  layout: {
    title: "Layout",
    hint: "What stands around every mail that has HTML: your logo, a footer. Without one, mails look as their steps have written them.",
    html: "HTML of the layout", htmlHint: "{{content}} stands for the mail, once; {{subject}} and {{unsubscribe_url}} for what they say. Empty: no layout.",
    begin: "Begin with an example", preview: "Preview", noPlace: "The mail has no place yet: write {{content}} once, where it shall stand.",
    example: `<!doctype html>
<html>
  <body style="margin:0; padding:24px; background:#f4f6f8; font-family:sans-serif; color:#1c2430">
    <div style="max-width:560px; margin:0 auto; padding:28px; background:#ffffff; border-radius:8px">
      {{content}}
    </div>
    <p style="text-align:center; font-size:12px; color:#5b6675">
      You get this mail because you are our customer. <a href="{{unsubscribe_url}}">Unsubscribe</a>
    </p>
  </body>
</html>`,
    sample: { subject: "How was it?", html: "<h2>Thank you, Ingrid</h2><p>Your answer has reached us. Somebody of our team will call you within a day.</p>", unsubscribeUrl: "https://example.com/unsubscribe/sample", unsubscribe: "Unsubscribe" },
  },
  signature: {
    title: "Signature (DKIM)",
    hint: "With it a receiver sees that a mail is of your domain and was not changed on its way. Many mail services turn away mails without one.",
    signs: "Sign mails", domain: "Domain", selector: "Selector",
    key: "Private key", keyHint: "As PEM (PKCS#8), RSA or Ed25519. It is kept encrypted and never shown again.", keySet: "A key is kept; empty keeps it, as long as domain and selector stay.",
    make: "Make a key", makeElsewhere: "On this page the browser makes no keys: it did not come over https. Paste one, made with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    record: "To be published in the DNS", recordHint: "As a TXT record of your domain, before the first mail is signed. Copy it now: once you leave this page, only its name is known. Some name servers want the text in parts of 255 characters.",
    recordName: "Name of the record", recordValue: "Text of the record",
    looked: (name: string) => `Receivers look for the public key in the TXT record of ${name}.`,
    unknown: (name: string) => `This is no private key that the browser can read. Its public key belongs into the TXT record of ${name}.`,
  },
  attachments: {
    title: "Attachments",
    hint: "A step may name files by their addresses; the server fetches them and sends them along, 7 MB in all.",
    allowed: "Steps may send files along",
  },
  reports: {
    title: "Bounces and complaints",
    hint: "Give this address to your mail service. A mailbox that does not exist gets no more mails, and who complains or unsubscribes no more marketing.",
    list: "The suppression list",
    address: "Address for reports", copy: "Copy the address", copied: "Copied", rotate: "Replace the address", rotated: "The address was replaced.",
    rotateConfirm: { title: "Replace the address?", text: "The present one opens nothing any more: what the mail service reports is lost until it has the new one.", action: "Replace the address" },
    signed: {
      title: "Only what is signed",
      none: "Whoever has the address can report. When your mail service signs its reports, give its key here: then only what it has signed is taken in.",
      only: (names: string[]) => `Only what ${names.join(" or ")} has signed is taken in. What others report is refused.`,
      names: { mailgun: "Mailgun", sendgrid: "SendGrid" },
      keys: { mailgun: "Mailgun's HTTP webhook signing key", sendgrid: "SendGrid's verification key" },
      hints: { mailgun: "In Mailgun, beside its webhooks.", sendgrid: "In SendGrid, with the signed event webhook: the public key." },
      isKept: "A key is kept; a new one replaces it.", save: "Keep the keys", saved: "The keys are kept.",
      drop: (name: string) => `Take away the key of ${name}`, dropped: "The key was taken away.",
      dropConfirm: (name: string, isLast: boolean) => ({ title: `Take away the key of ${name}?`, text: isLast ? "Then whoever has the address can report again." : `Then what ${name} reports is refused.`, action: "Take away the key" }),
    },
    where: "Where it belongs:",
    services: [
      ["Amazon SES", "an HTTPS subscription of the SNS topic for bounces and complaints; its confirmation comes as a notification to administrators"],
      ["Postmark", "webhooks for bounces, spam complaints and subscription changes"],
      ["SendGrid", "the event webhook"],
      ["Mailgun", "webhooks for permanent failures, complaints and unsubscribes"],
      ["Any other", "POST {\"type\":\"hard_bounce\",\"email\":\"…\"}; also soft_bounce, complaint, unsubscribe"],
    ],
  },
};
