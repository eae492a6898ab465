//! DKIM (RFC 6376, RFC 8463): the signature by which a receiver sees that a mail is of the sender's domain and was not changed.
//!
//! Relaxed canonicalization of header and body, RSA or Ed25519. The headers by which people unsubscribe are signed, as RFC 8058 asks for.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use sha2::{Digest, Sha256};

/// Signed when they are there. The sender is named once more than it is there, so that nobody can add another.
const SIGNED: [&str; 14] = [
    "from",
    "from",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "auto-submitted",
    "list-unsubscribe",
    "list-unsubscribe-post",
];

/// Characters of a signature in a line.
const LINE: usize = 72;

/// What signs a tenant's mails.
pub struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

enum Key {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no private key: an RSA key of 2048 bits or more, or an Ed25519 key, is needed as PEM (-----BEGIN PRIVATE KEY-----)"
)]
pub struct NotAKey;

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("domain", &self.domain)
            .field("selector", &self.selector)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// One with a key as PEM.
    ///
    /// # Errors
    /// [`NotAKey`].
    pub fn new(domain: &str, selector: &str, pem: &str) -> Result<Self, NotAKey> {
        Ok(Self { domain: domain.to_owned(), selector: selector.to_owned(), key: key(pem)? })
    }

    /// The message with the signature in front. A key that does not sign leaves it as it was.
    #[must_use]
    pub fn signed(&self, message: &[u8]) -> Vec<u8> {
        let header = self.header(message);
        header.map_or_else(|| message.to_vec(), |header| [header.as_bytes(), message].concat())
    }

    fn header(&self, message: &[u8]) -> Option<String> {
        let (headers, body) = split(message);
        let fields = fields(headers);
        // The last of a name is signed first; one that is not there is signed as nothing.
        let mut left: Vec<&(String, String)> = fields.iter().collect();
        let mut names = Vec::new();
        let mut covered = String::new();
        for name in SIGNED {
            let place = left.iter().rposition(|(known, _)| known == name);
            match place {
                Some(place) => {
                    let (name, value) = left.remove(place);
                    covered.push_str(&format!("{name}:{value}\r\n"));
                    names.push(name.as_str());
                }
                None if name == "from" && !names.is_empty() => names.push("from"),
                None => {}
            }
        }
        let algorithm = match self.key {
            Key::Rsa(_) => "rsa-sha256",
            Key::Ed25519(_) => "ed25519-sha256",
        };
        let beginning =
            format!("v=1; a={algorithm}; c=relaxed/relaxed; d={}; s={};", self.domain, self.selector);
        let names = format!("h={};", names.join(":"));
        let hash = format!("bh={};", STANDARD.encode(Sha256::digest(relaxed_body(body))));
        // As a receiver sees it: unfolded, and without the signature.
        covered.push_str(&format!("dkim-signature:{beginning} {names} {hash} b="));
        let signature = STANDARD.encode(self.sign(covered.as_bytes())?);
        let lines = signature.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
        let signature = lines.collect::<Vec<_>>().join("\r\n ");
        Some(format!("DKIM-Signature: {beginning}\r\n {names}\r\n {hash}\r\n b={signature}\r\n"))
    }

    fn sign(&self, covered: &[u8]) -> Option<Vec<u8>> {
        match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), covered, &mut signature).ok()?;
                Some(signature)
            }
            // RFC 8463: the hash is what is signed.
            Key::Ed25519(key) => Some(key.sign(&Sha256::digest(covered)).as_ref().to_vec()),
        }
    }
}

fn key(pem: &str) -> Result<Key, NotAKey> {
    let lines: Vec<&str> = pem.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let [first, inner @ .., last] = &lines[..] else { return Err(NotAKey) };
    let kind =
        first.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")).ok_or(NotAKey)?;
    if *last != format!("-----END {kind}-----") {
        return Err(NotAKey);
    }
    let bytes = STANDARD.decode(inner.concat()).map_err(|_| NotAKey)?;
    match kind {
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&bytes)
            .map(Key::Rsa)
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).map(Key::Ed25519))
            .map_err(|_| NotAKey),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&bytes).map(Key::Rsa).map_err(|_| NotAKey),
        _ => Err(NotAKey),
    }
}

fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or((message, &[]), |end| (&message[..end + 2], &message[end + 4..]))
}

/// The header's fields, relaxed: names in small letters, values unfolded and their white space reduced.
fn fields(headers: &[u8]) -> Vec<(String, String)> {
    let headers = String::from_utf8_lossy(headers);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in headers.split("\r\n").filter(|line| !line.is_empty()) {
        match (fields.last_mut(), line.starts_with([' ', '\t'])) {
            (Some((_, value)), true) => value.push_str(line),
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                fields.push((name.trim().to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
    for (_, value) in &mut fields {
        *value = value.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    }
    fields
}

fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut relaxed = Vec::with_capacity(body.len());
    // Where the last line ends that is not empty.
    let mut end = 0;
    for line in lines(body) {
        let mut space = false;
        for &byte in line {
            if byte == b' ' || byte == b'\t' {
                space = true;
                continue;
            }
            if space {
                relaxed.push(b' ');
                space = false;
            }
            relaxed.push(byte);
        }
        let is_empty = relaxed.len() == end || relaxed.ends_with(b"\r\n");
        relaxed.extend_from_slice(b"\r\n");
        if !is_empty {
            end = relaxed.len();
        }
    }
    relaxed.truncate(end);
    relaxed
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.windows(2).position(|window| window == b"\r\n");
        let (line, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + 2..]));
        rest = after;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    /// The example of RFC 8463, appendix A.
    const MESSAGE: &str = "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n\
        Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
        Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
    const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";

    fn pem() -> String {
        // PKCS#8 around the 32 bytes of the key.
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend(STANDARD.decode(SEED).unwrap());
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
    }

    #[test]
    fn bodies_are_hashed_as_the_standard_says() {
        let (_, body) = split(MESSAGE.as_bytes());
        let hash = STANDARD.encode(Sha256::digest(relaxed_body(body)));
        assert_eq!(hash, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
        for (body, relaxed) in [
            ("", ""),
            ("\r\n\r\n", ""),
            (" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"),
            ("a", "a\r\n"),
            ("\r\na\r\n \r\n", "\r\na\r\n"),
        ] {
            assert_eq!(String::from_utf8(relaxed_body(body.as_bytes())).unwrap(), relaxed, "{body:?}");
        }
    }

    #[test]
    fn the_signature_covers_what_it_names() {
        let rsa = testkit::systems::salesforce::PRIVATE_KEY;
        // Without the words in front of it.
        let rsa = &rsa[rsa.find("-----BEGIN").unwrap()..];
        for (pem, algorithm) in [(pem().as_str(), "ed25519-sha256"), (rsa, "rsa-sha256")] {
            verified(&Signer::new("football.example.com", "brisbane", pem).unwrap(), algorithm);
        }
    }

    fn verified(signer: &Signer, algorithm: &str) {
        let signed = String::from_utf8(signer.signed(MESSAGE.as_bytes())).unwrap();
        assert!(signed.ends_with(MESSAGE));
        let header = &signed[..signed.len() - MESSAGE.len()];
        let [(name, value)] = &fields(header.as_bytes())[..] else { panic!("one header: {header}") };
        assert_eq!(name, "dkim-signature");
        assert!(value.starts_with(&format!("v=1; a={algorithm}; c=relaxed/relaxed; ")), "{value}");
        assert!(
            value.contains(
                "h=from:from:to:subject:date:message-id; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b="
            ),
            "{value}"
        );
        // As a receiver does it, who has the header only.
        let (before, signature) = value.split_once("; b=").unwrap();
        let signature = STANDARD.decode(signature.replace(' ', "")).unwrap();
        let known = fields(split(MESSAGE.as_bytes()).0);
        let of = |name: &str| {
            known
                .iter()
                .find(|(known, _)| known == name)
                .map(|(name, value)| format!("{name}:{value}\r\n"))
                .unwrap()
        };
        let covered: String = ["from", "to", "subject", "date", "message-id"].map(of).concat();
        let covered = format!("{covered}dkim-signature:{before}; b=");
        match &signer.key {
            Key::Ed25519(pair) => UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref())
                .verify(&Sha256::digest(covered.as_bytes()), &signature),
            Key::Rsa(pair) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref())
                .verify(covered.as_bytes(), &signature),
        }
        .unwrap();
    }

    #[test]
    fn says_what_is_no_key_and_shows_none() {
        for wrong in [
            "",
            "secret",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ] {
            assert!(matches!(Signer::new("example.com", "a", wrong), Err(NotAKey)), "{wrong}");
        }
        let shown = format!("{:?}", Signer::new("example.com", "a", &pem()).unwrap());
        assert_eq!(shown, "Signer { domain: \"example.com\", selector: \"a\", .. }");
    }
}
