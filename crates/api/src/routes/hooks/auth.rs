//! Whether a call shows what the workflow asks for. Pure but for the opening of secrets; every comparison of a secret takes a time that tells nothing of it.

use actions::signature::{SigningKey, hmac_verifies, is_same, of_base64, of_hex};
use axum::http::{HeaderMap, header};
use model::Timestamp;
use rules::hook::{Algorithm, Auth, Encoding, Secret};
use store::StoreResult;

/// The header that names a message of the Standard Webhooks.
pub(super) const WEBHOOK_ID: &str = "webhook-id";
/// How far the time of a signed message may be from this server's, either way: a message that was caught on its way is of no use for longer.
const TOLERANCE_S: i64 = 300;

/// Whether the call shows it.
pub(super) fn shows(
    auth: &Auth,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
    open: impl Fn(&Secret) -> StoreResult<Vec<u8>>,
) -> StoreResult<bool> {
    let sent = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Ok(match auth {
        Auth::None => true,
        Auth::Basic { username, password } => {
            let credentials = sent(header::AUTHORIZATION.as_str())
                .and_then(|value| value.split_once(' '))
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
                .and_then(|(_, credentials)| of_base64(credentials));
            let expected = [username.as_bytes(), b":", &open(password)?].concat();
            credentials.is_some_and(|credentials| is_same(&credentials, &expected))
        }
        Auth::Header { name, value } => {
            let expected = open(value)?;
            headers.get(name).is_some_and(|value| is_same(value.as_bytes(), &expected))
        }
        Auth::Hmac(hmac) => {
            let tag = sent(&hmac.header).and_then(|value| value.trim().strip_prefix(hmac.prefix.as_str()));
            let tag = tag.and_then(|tag| match hmac.encoding {
                Encoding::Hex => of_hex(tag),
                Encoding::Base64 => of_base64(tag),
            });
            let secret = open(&hmac.secret)?;
            tag.is_some_and(|tag| hmac_verifies(hmac.algorithm == Algorithm::Sha512, &secret, body, &tag))
        }
        Auth::StandardWebhooks { secret } => {
            let opened = open(secret)?;
            let key = std::str::from_utf8(&opened).ok().and_then(|key| key.parse::<SigningKey>().ok());
            let parts = (key, sent(WEBHOOK_ID), sent("webhook-timestamp"), sent("webhook-signature"));
            let (Some(key), Some(id), Some(timestamp), Some(signatures)) = parts else { return Ok(false) };
            let seconds = now.as_millis().div_euclid(1_000);
            let is_fresh = timestamp
                .parse::<i64>()
                .is_ok_and(|sent| seconds.saturating_sub(sent).saturating_abs() <= TOLERANCE_S);
            is_fresh && key.verifies(id, timestamp, body, signatures)
        }
    })
}

/// What to do for a call that does not.
pub(super) fn needed(auth: &Auth) -> String {
    match auth {
        Auth::None => "nothing is needed".to_owned(),
        Auth::Basic { .. } => "send the workflow's name and password as HTTP Basic authentication".to_owned(),
        Auth::Header { name, .. } => format!("send the workflow's secret in the header {name}"),
        Auth::Hmac(hmac) => {
            format!("send the HMAC of the body under the workflow's secret in the header {}", hmac.header)
        }
        Auth::StandardWebhooks { .. } => {
            "sign the message with the workflow's key as the Standard Webhooks say, at most five minutes before it arrives".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use serde_json::{Value, json};

    use super::*;

    fn auth(config: &Value) -> Auth {
        let definition = model::workflow::Definition {
            name: "n".to_owned(),
            description: None,
            trigger_event: "webhook".to_owned(),
            trigger_config: json!({"auth": config}).as_object().cloned().unwrap(),
            conditions: json!([]),
            actions: json!([]),
            log_unmatched: true,
            on_failure: Value::Null,
            entry: model::workflow::EntryRules::default(),
        };
        let compiled = rules::compile(&definition, actions::catalog()).unwrap();
        let rules::Start::Webhook(hook) = compiled.trigger.start else { panic!("no hook") };
        hook.auth
    }

    /// A configuration, the headers and the body of a call, and whether it gets in.
    type Case<'t> = (Value, Vec<(&'t str, &'t str)>, &'t str, bool);

    #[test]
    fn only_who_has_the_secret_gets_in() {
        let now = Timestamp::from_millis(1_614_265_330_000);
        let standard =
            json!({"type": "standard_webhooks", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
        // The published vectors of the two schemes (RFC 7617; Standard Webhooks), and of RFC 4231, case 2.
        let (id, at, signature) =
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let rfc = |encoding: &str, prefix: &str| json!({"type": "hmac", "secret": "Jefe", "header": "X-Sig", "encoding": encoding, "prefix": prefix});
        let (hex, body) = (
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "what do ya want for nothing?",
        );
        let sha512 = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
        let message = r#"{"test": 2432232314}"#;
        let cases: Vec<Case<'_>> = vec![
            (json!({"type": "none"}), vec![], "", true),
            (
                json!({"type": "basic", "username": "Aladdin", "password": "open sesame"}),
                vec![("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
                "",
                true,
            ),
            (
                json!({"type": "basic", "username": "Aladdin", "password": "open sesam"}),
                vec![("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
                "",
                false,
            ),
            (
                json!({"type": "basic", "username": "Aladdin", "password": "open sesame"}),
                vec![("authorization", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==")],
                "",
                false,
            ),
            (json!({"type": "header", "name": "X-Key", "value": "k"}), vec![("x-key", "k")], "", true),
            (json!({"type": "header", "name": "X-Key", "value": "k"}), vec![("x-key", "kk")], "", false),
            (json!({"type": "header", "name": "X-Key", "value": "k"}), vec![], "", false),
            (rfc("hex", "sha256="), vec![("x-sig", &format!("sha256={hex}"))], body, true),
            (rfc("hex", "sha256="), vec![("x-sig", hex)], body, false),
            (rfc("hex", "sha256="), vec![("x-sig", "sha256=5bd")], body, false),
            (rfc("hex", "sha256="), vec![("x-sig", &format!("sha256={hex}"))], "another body", false),
            (
                rfc("base64", "x"),
                vec![("x-sig", "xW9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=")],
                body,
                true,
            ),
            (
                json!({"type": "hmac", "secret": "Jefe", "header": "X-Sig", "algorithm": "sha512"}),
                vec![("x-sig", sha512)],
                body,
                true,
            ),
            (
                standard.clone(),
                vec![
                    ("webhook-id", id),
                    ("webhook-timestamp", at),
                    ("webhook-signature", &format!("v1,AAAA {signature}")),
                ],
                message,
                true,
            ),
            (
                standard.clone(),
                vec![
                    ("webhook-id", id),
                    ("webhook-timestamp", "1614264000"),
                    ("webhook-signature", signature),
                ],
                message,
                false,
            ),
            (
                standard.clone(),
                vec![("webhook-id", "another"), ("webhook-timestamp", at), ("webhook-signature", signature)],
                message,
                false,
            ),
            (standard, vec![("webhook-signature", signature)], message, false),
        ]
        .into_iter()
        .map(|(config, headers, body, good)| {
            (
                config,
                headers.into_iter().map(|(name, value)| (name, &*value.to_owned().leak())).collect(),
                body,
                good,
            )
        })
        .collect();
        for (config, sent, body, good) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in &sent {
                headers.insert(
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_str(value).unwrap(),
                );
            }
            let shown = shows(&auth(&config), &headers, body.as_bytes(), now, |secret| {
                Ok(secret.reveal().as_bytes().to_vec())
            });
            assert_eq!(shown.unwrap(), good, "{config} {sent:?}");
        }
    }
}
