//! `webhook`: an HTTP request to another system.

use std::time::Duration;

use bytes::Bytes;
use model::Problem;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    action::{Action, ActionError, Context, EffectKind, Metadata, Outcome, SuggestedRetry},
    answer,
    capability::{HttpRequest, LONGEST_BODY, Target},
    catalog::Registration,
    http::RESERVED_HEADERS,
    input::{Headers, Optional, Text, Whole},
    schema,
    signature::SigningKey,
};

/// The longest time to wait for an answer: as long as a step may take at most.
const MAX_TIMEOUT_MS: i64 = 600_000;

struct Webhook;

inventory::submit!(Registration::of::<Webhook>());

/// A request.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// Where to. The host must be written out, or be one of the webhook hosts in the settings.
    #[schemars(extend("format" = "uri", "minLength" = 1))]
    url: Text,
    /// The HTTP method.
    #[serde(default)]
    #[schemars(extend("default" = "POST", "examples" = ["POST", "PUT", "PATCH", "GET", "DELETE"]))]
    method: Optional<Text>,
    /// Further headers. `Content-Type` and `Idempotency-Key` are set by themselves.
    #[serde(default)]
    headers: Optional<Headers>,
    /// What is sent: text as it is, everything else as JSON.
    #[serde(default)]
    #[schemars(extend("format" = "json"))]
    body: Value,
    /// How long to wait for the answer, in milliseconds, at most 600000; never longer than the step may take.
    #[serde(default)]
    timeout_ms: Optional<Whole>,
    /// A Standard Webhooks secret (`whsec_…`): with it the request is signed.
    #[serde(default)]
    #[schemars(extend("format" = "password", "writeOnly" = true))]
    secret: Optional<Text>,
}

impl Action for Webhook {
    const METADATA: Metadata = Metadata {
        name: "webhook",
        title: "Call a webhook",
        description: "Sends an HTTP request to another system and keeps its answer for the next steps.",
        group: "Integrations",
        icon: "webhook",
        effect: EffectKind::External,
        suggested_retry: Some(SuggestedRetry::NETWORK),
    };
    type Config = Config;

    fn sample() -> Value {
        json!({
            "url": "https://example.com/hooks/feedback",
            "method": "POST",
            "body": {"contact": "{{contact.email}}", "score": "{{submission.data.q_nps}}"},
        })
    }

    fn check(config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        let literal = |name: &str| {
            config
                .get(name)
                .and_then(Value::as_str)
                .map(str::trim)
                .filter(|text| !text.contains("{{") && !text.is_empty())
        };
        if let Some(text) = literal("url") {
            match Url::parse(text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => {}
                Ok(_) => problems.push(Problem::at("url", "must begin with http:// or https://")),
                Err(error) => {
                    let message = format!("{error}; an address such as https://example.com/path is needed");
                    problems.push(Problem::at("url", message));
                }
            }
        }
        if literal("method").is_some_and(|text| method(text).is_none()) {
            problems.push(Problem::at("method", "must be an HTTP method such as POST"));
        }
        if let Some(Err(error)) = literal("secret").map(str::parse::<SigningKey>) {
            problems.push(Problem::at("secret", error.to_string()));
        }
        for (name, _) in config.get("headers").and_then(Value::as_object).into_iter().flatten() {
            if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                let path = format!("headers.{name}");
                problems.push(Problem::at(path, "is set by the server and cannot be chosen"));
            }
        }
        let timeout = config.get("timeoutMs").filter(|value| !schema::is_template(value) && !value.is_null());
        if let Some(Whole(millis)) = timeout.and_then(|value| serde_json::from_value(value.clone()).ok())
            && !(1..=MAX_TIMEOUT_MS).contains(&millis)
        {
            problems
                .push(Problem::at("timeoutMs", format!("must be from 1 to {MAX_TIMEOUT_MS}, ten minutes")));
        }
        problems
    }

    fn literal_hosts(config: &Value) -> Vec<String> {
        config.get("url").and_then(Value::as_str).and_then(literal_host).into_iter().collect()
    }

    fn timeout(config: &Value) -> Option<Duration> {
        let Whole(millis) = serde_json::from_value(config.get("timeoutMs")?.clone()).ok()?;
        // A template can ask for more than `check` admits.
        let millis = u64::try_from(millis.min(MAX_TIMEOUT_MS)).ok()?;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    async fn run(config: Config, cx: &Context<'_>) -> Result<Outcome, ActionError> {
        let request = request(config, cx)?;
        let response = cx.http.send(request).await?;
        answer::outcome("the receiver", &response, cx.now).map(Outcome::Done)
    }
}

/// The host of an address whose scheme and host no template can change: all up to the path is written out.
fn literal_host(url: &str) -> Option<String> {
    let url = url.trim();
    let literal = url.split("{{").next()?;
    if literal.len() < url.len() {
        let (_, rest) = literal.split_once("://")?;
        rest.find(['/', '?', '#', '\\'])?;
    }
    Url::parse(literal).ok()?.host_str().map(str::to_owned)
}

fn method(text: &str) -> Option<String> {
    let method = text.trim().to_ascii_uppercase();
    let good = !method.is_empty()
        && method.len() <= 32
        && method.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
    (good && method != "CONNECT").then_some(method)
}

fn request(config: Config, cx: &Context<'_>) -> Result<HttpRequest, ActionError> {
    let method = match &config.method.0 {
        None => "POST".to_owned(),
        Some(text) => method(&text.0)
            .ok_or_else(|| ActionError::invalid("method", format!("{:?} is no HTTP method", text.0)))?,
    };
    let (body, content_type) = match config.body {
        Value::Null => (Bytes::new(), None),
        Value::String(text) if text.is_empty() => (Bytes::new(), None),
        Value::String(text) => (text.into(), Some("text/plain; charset=utf-8")),
        value => (value.to_string().into(), Some("application/json")),
    };
    let mut headers = config.headers.0.unwrap_or_default().0;
    let mut default = |name: &str, value: &str| {
        if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    };
    if let Some(content_type) = content_type {
        default("Content-Type", content_type);
    }
    default("Idempotency-Key", cx.idempotency_key);
    if let Some(secret) = config.secret.0 {
        let key: SigningKey = secret.0.parse().map_err(|error| ActionError::invalid("secret", error))?;
        let signed = key.headers(cx.idempotency_key, cx.now, &body);
        headers.retain(|(name, _)| !signed.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)));
        headers.extend(signed);
    }
    let timeout = match config.timeout_ms.0 {
        None => cx.timeout,
        Some(Whole(millis)) => match u64::try_from(millis) {
            Ok(millis @ 1..) => Duration::from_millis(millis).min(cx.timeout),
            _ => return Err(ActionError::invalid("timeoutMs", "must be at least 1")),
        },
    };
    let (url, longest) = (config.url.0, LONGEST_BODY);
    Ok(HttpRequest { method, url, headers, body, timeout, longest, target: Target::Definition })
}

#[cfg(test)]
mod tests {
    use testkit::Sink;

    use super::*;
    use crate::{action::ErrorKind, workbench::Workbench};

    #[tokio::test]
    async fn sends_what_the_config_says() {
        let sink = Sink::start().await;
        let bench = Workbench::new();
        let config = json!({
            "url": sink.url("/json?x=1"), "method": "put",
            "headers": {"X-Name": "Zoë", "content-type": "application/vnd.x+json"},
            "body": {"text": "Zoë: 9"}, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        });
        let outcome = bench.run("webhook", config).await.unwrap();
        let mut shown = bench.shown(&outcome);
        shown["headers"].as_object_mut().unwrap().shift_remove("date");
        insta::assert_json_snapshot!(shown);

        let request = &sink.requests()[0];
        assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/json?x=1"));
        assert_eq!(request.json(), json!({"text": "Zoë: 9"}));
        let header = |name: &str| request.header(name).unwrap_or("none").to_owned();
        assert_eq!(header("x-name"), "Zoë");
        assert_eq!(header("content-type"), "application/vnd.x+json");
        assert_eq!(header("idempotency-key"), "vtx_key");
        let key: SigningKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        for (name, value) in key.headers("vtx_key", bench.now, &request.body) {
            assert_eq!(header(&name), value);
        }
    }

    #[tokio::test]
    async fn text_and_nothing_are_sent_as_they_are() {
        let sink = Sink::start().await;
        let bench = Workbench::new();
        for (body, sent, content_type) in [
            (json!("plain"), "plain", Some("text/plain; charset=utf-8")),
            (json!([1, null]), "[1,null]", Some("application/json")),
            (json!(9), "9", Some("application/json")),
            (json!(null), "", None),
            (json!(""), "", None),
        ] {
            bench.run("webhook", json!({"url": sink.url("/ok"), "body": body})).await.unwrap();
            let request = sink.requests().pop().unwrap();
            assert_eq!((&request.body[..], request.header("content-type")), (sent.as_bytes(), content_type));
            assert_eq!(request.method, "POST");
        }
    }

    #[tokio::test]
    async fn only_2xx_is_success_and_the_answer_is_kept() {
        let sink = Sink::start().await;
        let mut bench = Workbench::new();
        bench.timeout = Duration::from_millis(300);
        let mut lines = Vec::new();
        for path in [
            "/status/204",
            "/status/400",
            "/status/410",
            "/status/500",
            "/retry-after/120",
            "/retry-after/soon",
            "/redirect-same",
            "/redirect-other",
            "/hang",
            "/slow-body",
            "/garbage",
            "/drop-after",
            "/big",
        ] {
            let line = match bench.run("webhook", json!({"url": sink.url(path)})).await {
                Ok(Outcome::Done(output)) => {
                    format!("{} truncated: {}", output["status"], output["truncated"])
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => format!(
                    "{:?}, retry helps: {}, after: {:?}, kept: {}: {}",
                    error.kind,
                    error.kind.is_retryable(),
                    error.retry_after.map(|period| period.to_string()),
                    error.output.map(|output| output["body"].clone()).unwrap_or_default(),
                    error.message.replace(&sink.port().to_string(), "PORT"),
                ),
            };
            lines.push(format!("{path}: {line}"));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[tokio::test]
    async fn a_repeat_carries_the_same_key() {
        let sink = Sink::start().await;
        let bench = Workbench::new();
        let config = json!({"url": sink.url("/fail-times/2")});
        let mut attempts = 1;
        while bench.run("webhook", config.clone()).await.is_err() {
            attempts += 1;
        }
        assert_eq!(attempts, 3);
        assert_eq!(sink.effects()["vtx_key"].len(), 1);
        let error = bench.run("webhook", json!({"url": sink.url("/drop-after")})).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Connection);
        assert_eq!(sink.effects()["vtx_key"].len(), 2);
    }

    #[test]
    fn its_own_timeout_may_be_longer_than_a_step_usually_takes() {
        let entry = crate::catalog().get("webhook").unwrap();
        for (written, seconds) in [
            (json!(90_000), Some(90)),
            (json!("90000"), Some(90)),
            (json!(600_001), Some(600)),
            (json!(null), None),
            (json!(0), None),
            (json!(-1), None),
            (json!("soon"), None),
        ] {
            let asked = entry.timeout(&json!({"timeoutMs": written}));
            assert_eq!(asked, seconds.map(Duration::from_secs), "{written}");
        }
        assert_eq!(entry.timeout(&json!({})), None);
    }

    #[tokio::test]
    async fn its_own_timeout_is_kept_to() {
        let sink = Sink::start().await;
        let bench = Workbench::new();
        let error =
            bench.run("webhook", json!({"url": sink.url("/hang"), "timeoutMs": "50"})).await.unwrap_err();
        assert_eq!(
            error.message,
            format!("{} did not answer within 50 ms", sink.url("").trim_end_matches('/'))
        );
    }

    #[test]
    fn only_what_is_written_out_is_a_literal_host() {
        for (url, host) in [
            ("https://api.example.com/{{x}}", Some("api.example.com")),
            ("https://API.example.com?q={{x}}", Some("api.example.com")),
            ("https://example.com", Some("example.com")),
            ("http://[::1]:80/{{x}}", Some("[::1]")),
            ("https://user:p@example.com/{{x}}", Some("example.com")),
            ("https://example.com{{x}}", None),
            ("https://example.com:{{port}}/", None),
            ("https://{{x}}@example.com/", None),
            ("https://{{x}}.example.com/", None),
            ("{{scheme}}://example.com/", None),
            ("{{url}}", None),
            ("nonsense", None),
        ] {
            assert_eq!(literal_host(url).as_deref(), host, "{url}");
        }
    }

    #[test]
    fn secrets_are_masked_and_faults_are_known_before_the_run() {
        let entry = crate::catalog().get("webhook").unwrap();
        let config = json!({
            "url": "https://u:hunter2@example.com/", "secret": "whsec_x", "timeoutMs": 0, "method": "GE T",
            "headers": {"Authorization": "Bearer s3cret", "X-Api-Key": "k3y", "Accept": "a/b", "Host": "x"},
            "body": {"token": "part of the message"},
        });
        let problems: Vec<String> = entry.check(&config).iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "method: must be an HTTP method such as POST",
                "secret: must be whsec_ followed by 24 to 64 bytes in base64",
                "headers.Host: is set by the server and cannot be chosen",
                "timeoutMs: must be from 1 to 600000, ten minutes",
            ]
        );
        assert_eq!(
            entry.redact(config),
            json!({
                "url": "https://u:***@example.com/", "secret": "•••", "timeoutMs": 0, "method": "GE T",
                "headers": {"Authorization": "•••", "X-Api-Key": "•••", "Accept": "a/b", "Host": "x"},
                "body": {"token": "part of the message"},
            })
        );
    }

    #[test]
    fn no_answer_is_waited_for_longer_than_ten_minutes() {
        let entry = crate::catalog().get("webhook").unwrap();
        for (written, good) in [
            (json!(1), true),
            (json!(600_000), true),
            (json!("{{submission.data.wait}}"), true),
            (json!(600_001), false),
            (json!(-1), false),
        ] {
            let problems = entry.check(&json!({"url": "https://example.com/", "timeoutMs": written}));
            assert_eq!(problems.is_empty(), good, "{written}: {problems:?}");
        }
    }
}
