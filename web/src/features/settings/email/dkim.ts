// The public half of a key that signs mails, as it stands in the DNS (RFC 6376 section 3.6, RFC 8463). The server gives no key out, so it is made here from the
// private one while that is in the form; nothing of it leaves the browser but to the server that signs.

/** A TXT record of the DNS. */
export type DnsRecord = { name: string; value: string };

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const ED25519 = { name: "Ed25519" };

/** Browsers have keys only on pages that came over https, or from this machine. */
export const hasKeys = (): boolean => globalThis.crypto?.subtle !== undefined;

/** Where receivers look for the key. */
export function recordName(domain: string, selector: string): string {
  return `${selector}._domainkey.${domain}`;
}

/** The record for a private key as PEM (PKCS#8); undefined when that is no key, or the browser cannot read it. */
export async function recordOf(domain: string, selector: string, pem: string): Promise<DnsRecord | undefined> {
  const bytes = bytesOf(pem);
  if (!bytes || !hasKeys() || domain === "" || selector === "") return undefined;
  const tags = (await rsaTags(bytes)) ?? (await ed25519Tags(bytes));
  return tags === undefined ? undefined : { name: recordName(domain, selector), value: `v=DKIM1; ${tags}` };
}

/** A new key as PEM: RSA with 2048 bits, which every receiver knows. */
export async function newKey(): Promise<string> {
  const pair = await crypto.subtle.generateKey({ ...RSA, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, ["sign", "verify"]);
  const text = base64Of(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  return `-----BEGIN PRIVATE KEY-----\n${text.match(/.{1,64}/g)?.join("\n") ?? ""}\n-----END PRIVATE KEY-----\n`;
}

async function rsaTags(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  try {
    const { kty, n, e } = await crypto.subtle.exportKey("jwk", await crypto.subtle.importKey("pkcs8", bytes, RSA, true, ["sign"]));
    const open = await crypto.subtle.importKey("jwk", { ...(kty && { kty }), ...(n && { n }), ...(e && { e }) }, RSA, true, ["verify"]);
    return `k=rsa; p=${base64Of(await crypto.subtle.exportKey("spki", open))}`;
  } catch {
    return undefined;
  }
}

/** Of an Ed25519 key only its 32 bytes are in the record, without their wrapping. */
async function ed25519Tags(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  try {
    const { x } = await crypto.subtle.exportKey("jwk", await crypto.subtle.importKey("pkcs8", bytes, ED25519, true, ["sign"]));
    return x === undefined ? undefined : `k=ed25519; p=${x.replaceAll("-", "+").replaceAll("_", "/")}=`;
  } catch {
    return undefined;
  }
}

function bytesOf(pem: string): Uint8Array<ArrayBuffer> | undefined {
  const text = /-----BEGIN PRIVATE KEY-----([\s\S]+)-----END PRIVATE KEY-----/.exec(pem)?.[1];
  if (text === undefined) return undefined;
  try {
    return Uint8Array.from(atob(text.replace(/\s/g, "")), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function base64Of(bytes: ArrayBuffer): string {
  return btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(""));
}
