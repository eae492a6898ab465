import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { newKey, recordOf } from "./dkim";

it("makes the record of a key that was pasted, whichever of the two kinds it is", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = rsa.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  expect(await recordOf("example.com", "mail2026", `\n${pem}`)).toEqual({
    name: "mail2026._domainkey.example.com", value: `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: "spki", format: "der" }).toString("base64")}`,
  });
  const ed25519 = generateKeyPairSync("ed25519");
  const raw = ed25519.publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  expect((await recordOf("example.com", "a", ed25519.privateKey.export({ type: "pkcs8", format: "pem" }) as string))?.value).toBe(`v=DKIM1; k=ed25519; p=${raw.toString("base64")}`);
});

it("makes a key whose record is its own, and none of what is no key", async () => {
  const pem = await newKey();
  const spki = createPublicKey(pem).export({ type: "spki", format: "der" }).toString("base64");
  expect((await recordOf("example.com", "a", pem))?.value).toBe(`v=DKIM1; k=rsa; p=${spki}`);
  for (const text of ["", "a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n?\n-----END PRIVATE KEY-----"]) expect(await recordOf("example.com", "a", text)).toBeUndefined();
});
