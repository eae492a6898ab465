//! Whether a report is signed by the service that it says it is from. Pure; every comparison takes a time that tells nothing of where texts differ.

use actions::signature::{ecdsa_verifies, hmac_verifies, of_base64, of_hex};
use axum::http::HeaderMap;
use model::{Period, Timestamp};
use serde_json::Value;
use store::mailing::report_keys::ReportSigner;

/// A report as it came.
#[derive(Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) bytes: &'a [u8],
    pub(super) json: &'a Value,
}

/// How long a signature is good: the services try for a day at most, and who finds an old report is not to send it again after somebody has taken an
/// address off the list.
const LASTS: Period = Period::hours(48);

/// Whether it is signed with the key, not long ago.
pub(super) fn is_signed(signer: ReportSigner, key: &str, sent: Sent<'_>, now: Timestamp) -> bool {
    let signed_at = match signer {
        ReportSigner::Mailgun => mailgun(key, sent.json),
        ReportSigner::Sendgrid => sendgrid(key, sent),
    };
    signed_at.is_some_and(|at| now.minus(LASTS) <= at && at <= now.plus(LASTS))
}

/// In seconds since 1970.
fn time(text: &str) -> Option<Timestamp> {
    text.parse::<i64>().ok()?.checked_mul(1_000).map(Timestamp::from_millis)
}

/// The signature stands in the body, beside what is reported, and is of a time and a token only: it says who sends, and not what. Answers the time of one
/// that is good.
/// <https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>
fn mailgun(key: &str, json: &Value) -> Option<Timestamp> {
    let part = |name: &str| json.get("signature")?.get(name)?.as_str();
    let (timestamp, token, signature) = (part("timestamp")?, part("token")?, of_hex(part("signature")?)?);
    let is_good = hmac_verifies(false, key.as_bytes(), format!("{timestamp}{token}").as_bytes(), &signature);
    time(timestamp).filter(|_| is_good)
}

/// The signature is of the time and the body, in headers. Answers the time of one that is good.
/// <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>
fn sendgrid(key: &str, sent: Sent<'_>) -> Option<Timestamp> {
    let header = |name: &str| sent.headers.get(format!("x-twilio-email-event-webhook-{name}"))?.to_str().ok();
    let (timestamp, signature) = (header("timestamp")?, of_base64(header("signature")?)?);
    let signed = [timestamp.as_bytes(), sent.bytes].concat();
    let is_good = ecdsa_verifies(&of_base64(key)?, &signed, &signature);
    time(timestamp).filter(|_| is_good)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signed(signer: ReportSigner, key: &str, headers: &[(&'static str, &str)], body: &str) -> bool {
        let at = match signer {
            ReportSigner::Mailgun => "1770920772",
            ReportSigner::Sendgrid => "1600112502",
        };
        let at = time(at).unwrap();
        let late = signed_by(signer, key, headers, body, at.plus(Period::hours(49)));
        assert!(!late, "an old one is taken for nothing");
        signed_by(signer, key, headers, body, at.plus(Period::hours(47)))
    }

    fn signed_by(
        signer: ReportSigner,
        key: &str,
        headers: &[(&'static str, &str)],
        body: &str,
        now: Timestamp,
    ) -> bool {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let json = serde_json::from_str(body).unwrap_or_default();
        is_signed(signer, key, Sent { headers: &headers, bytes: body.as_bytes(), json: &json }, now)
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
