import { expect, it } from "vitest";
import { dressed, type SampleMail } from "./dressed";

const mail: SampleMail = { subject: "1 < 2 & $&", html: "<p>{{subject}} $1</p>", unsubscribeUrl: "https://x.example/u?a=1&b=2", unsubscribe: "Unsubscribe" };
const line = '<p style="font-size:small"><a href="https://x.example/u?a=1&amp;b=2">Unsubscribe</a></p>';

it("puts a mail into a layout as the server does", () => {
  expect(dressed("<BODY><h1>{{subject}}</h1>{{content}}</BODY>", mail)).toBe(`<BODY><h1>1 &lt; 2 &amp; $&amp;</h1><p>{{subject}} $1</p>${line}</BODY>`);
  expect(dressed('{{content}}<a href="{{unsubscribe_url}}">No more</a>', mail)).toBe('<p>{{subject}} $1</p><a href="https://x.example/u?a=1&amp;b=2">No more</a>');
  expect([dressed("<p>nothing</p>", mail), dressed("{{content}}{{content}}", mail)]).toEqual([undefined, undefined]);
});
