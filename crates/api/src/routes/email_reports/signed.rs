//! Whether a report is signed by the service that it says it is from. Pure; every comparison takes a time that tells nothing of where texts differ.

use actions::signature::{ecdsa_verifies, hmac_verifies, of_base64, of_hex};
use axum::http::HeaderMap;
use serde_json::Value;
use store::mailing::report_keys::ReportSigner;

/// A report as it came.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) bytes: &'a [u8],
    pub(super) json: &'a Value,
}

/// Whether it is signed with the key. The same report again changes nothing, so its time does not matter.
pub(super) fn is_signed(signer: ReportSigner, key: &str, sent: Sent<'_>) -> bool {
    match signer {
        ReportSigner::Mailgun => mailgun(key, sent.json),
        ReportSigner::Sendgrid => sendgrid(key, sent),
    }
    .unwrap_or(false)
}

/// The signature stands in the body, beside what it is about.
/// <https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>
fn mailgun(key: &str, json: &Value) -> Option<bool> {
    let part = |name: &str| json.get("signature")?.get(name)?.as_str();
    let (timestamp, token, signature) = (part("timestamp")?, part("token")?, of_hex(part("signature")?)?);
    Some(hmac_verifies(false, key.as_bytes(), format!("{timestamp}{token}").as_bytes(), &signature))
}

/// The signature is of the time and the body, in headers.
/// <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>
fn sendgrid(key: &str, sent: Sent<'_>) -> Option<bool> {
    let header = |name: &str| sent.headers.get(format!("x-twilio-email-event-webhook-{name}"))?.to_str().ok();
    let (timestamp, signature) = (header("timestamp")?, of_base64(header("signature")?)?);
    let signed = [timestamp.as_bytes(), sent.bytes].concat();
    Some(ecdsa_verifies(&of_base64(key)?, &signed, &signature))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signed(signer: ReportSigner, key: &str, headers: &[(&'static str, &str)], body: &str) -> bool {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let json = serde_json::from_str(body).unwrap_or_default();
        is_signed(signer, key, Sent { headers: &headers, bytes: body.as_bytes(), json: &json })
    }

    #[test]
    fn mailgun_signs_time_and_token() {
        // HMAC-SHA256 of "1770920772" and "t0ken" under "key".
        let body = |token: &str, signature: &str| {
            json!({"signature": {"timestamp": "1770920772", "token": token, "signature": signature}, "event-data": {}}).to_string()
        };
        let good = "163abee44f5ca3375770de2f0393f72edb5583ee08c88e0d18d2cf51718a7113";
        assert!(signed(ReportSigner::Mailgun, "key", &[], &body("t0ken", good)));
        for (key, body) in [
            ("other", body("t0ken", good)),
            ("key", body("t1ken", good)),
            ("key", body("t0ken", "00")),
            ("key", json!({"event-data": {}}).to_string()),
        ] {
            assert!(!signed(ReportSigner::Mailgun, key, &[], &body), "{body}");
        }
    }

    #[test]
    fn sendgrid_signs_time_and_body() {
        let (key, signature) = (
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEE3wvRtcIQginaV3pWOayBXCjJVDvMJB0lpNARsJKiWrF0LkrR+JcEk2wrlIDnx/q0vA8Jw3yia+7BOGNOBqFwA==",
            "MEUCICaN9KtqkUp3et0eZ4/1/BRmrqorkBYQpOxe5vdiCF+MAiEAk3Mtrx9BkZlb1vOEHKEAjd7WA+SbwnuqW7HiR784GME=",
        );
        let body = r#"[{"event":"bounce","email":"a@x.io"}]"#;
        let headers = |at: &'static str| {
            [
                ("x-twilio-email-event-webhook-timestamp", at),
                ("x-twilio-email-event-webhook-signature", signature),
            ]
        };
        assert!(signed(ReportSigner::Sendgrid, key, &headers("1600112502"), body));
        assert!(!signed(ReportSigner::Sendgrid, key, &headers("1600112503"), body));
        assert!(!signed(ReportSigner::Sendgrid, key, &headers("1600112502"), "[]"));
        assert!(!signed(ReportSigner::Sendgrid, "AAAA", &headers("1600112502"), body));
        assert!(!signed(ReportSigner::Sendgrid, key, &[], body));
    }
}
