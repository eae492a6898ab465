//! Signatures of messages: those of the Standard Webhooks, version 1 (HMAC-SHA256 over `id.timestamp.body`), and what others sign with.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, section
//! "Verifying webhook authenticity".

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, Mac, digest::KeyInit};
use model::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use sha2::{Digest, Sha256, Sha512};

/// A key that signs, as `whsec_…` writes it.
pub struct SigningKey(Vec<u8>);

/// Text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be whsec_ followed by 24 to 64 bytes in base64")]
pub struct NotAKey;

/// Keys are found with padding and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl std::str::FromStr for SigningKey {
    type Err = NotAKey;
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let encoded = text.trim().strip_prefix("whsec_").ok_or(NotAKey)?;
        let key = BASE64.decode(encoded).map_err(|_| NotAKey)?;
        if (24..=64).contains(&key.len()) { Ok(Self(key)) } else { Err(NotAKey) }
    }
}

impl SigningKey {
    /// The three headers of a signed message. `id` is the same on every attempt, `now` is the attempt's time.
    #[must_use]
    pub fn headers(&self, id: &str, now: Timestamp, body: &[u8]) -> [(String, String); 3] {
        let seconds = now.as_millis().div_euclid(1_000).to_string();
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
            mac.update(part);
        }
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        [
            ("webhook-id".to_owned(), id.to_owned()),
            ("webhook-timestamp".to_owned(), seconds),
            ("webhook-signature".to_owned(), signature),
        ]
    }
}

impl SigningKey {
    /// Whether one of the signatures of a message is this key's; `signatures` is the header, such as `v1,… v1,…`. In a time that tells nothing of where they differ.
    #[must_use]
    pub fn verifies(&self, id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        signatures
            .split(' ')
            .filter_map(|signature| BASE64.decode(signature.strip_prefix("v1,")?).ok())
            .any(|signature| mac.clone().verify_slice(&signature).is_ok())
    }
}

/// Whether `tag` is the HMAC of a body, in a time that tells nothing of where they differ.
#[must_use]
pub fn hmac_verifies(is_512: bool, secret: &[u8], body: &[u8], tag: &[u8]) -> bool {
    fn verifies<M: Mac + KeyInit>(secret: &[u8], body: &[u8], tag: &[u8]) -> bool {
        <M as Mac>::new_from_slice(secret).is_ok_and(|mac| mac.chain_update(body).verify_slice(tag).is_ok())
    }
    if is_512 {
        verifies::<Hmac<Sha512>>(secret, body, tag)
    } else {
        verifies::<Hmac<Sha256>>(secret, body, tag)
    }
}

/// Whether two texts are the same, in a time that tells nothing of where they differ.
#[must_use]
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

/// Whether `signature` (in ASN.1) is one of a message by a P-256 key, which is given as the structure that key files have (RFC 5480).
#[must_use]
pub fn ecdsa_verifies(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    p256_point(key).is_some_and(|point| {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
    })
}

/// Whether [`ecdsa_verifies`] knows such keys.
#[must_use]
pub fn is_ecdsa_key(key: &[u8]) -> bool {
    p256_point(key).is_some()
}

/// The point of a key, as it is written without compression.
fn p256_point(key: &[u8]) -> Option<&[u8]> {
    /// What stands before the point: that it is one, and on which curve.
    const P_256: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    key.strip_prefix(&P_256).filter(|point| matches!(point, [0x04, rest @ ..] if rest.len() == 64))
}

/// The bytes that hexadecimal digits write.
#[must_use]
pub fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// The bytes that base64 writes, with padding or without.
#[must_use]
pub fn of_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_vectors() {
        let vectors = [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ];
        for (key, id, seconds, body, signature) in vectors {
            let key: SigningKey = key.parse().unwrap();
            let headers = key.headers(id, Timestamp::from_millis(seconds * 1_000 + 999), body.as_bytes());
            assert_eq!(headers[1].1, seconds.to_string());
            assert_eq!(headers[2].1, signature);
        }
    }

    #[test]
    fn refuses_what_is_no_key() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(text.parse::<SigningKey>().is_err(), "{text:?}");
        }
        assert!("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse::<SigningKey>().is_ok(), "no padding");
    }
}
