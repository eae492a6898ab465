//! `send_email`: a mail by the tenant's server, else the installation's, else the outbox.

use model::{Problem, effect::{Effect, Mail}};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, ErrorKind, Metadata, Outcome, SuggestedRetry},
    capability::MailOutcome,
    catalog::Registration,
    input::{List, Optional, Text},
    mail, schema,
};

struct SendEmail;

inventory::submit!(Registration::of::<SendEmail>());

/// A mail to one or more people.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    /// The receivers: one address, several with commas between, or a list.
    #[schemars(extend("format" = "email", "minLength" = 1))]
    to: List,
    /// The sender, such as `Care <care@example.com>`. Left empty, it is the one in the settings.
    #[serde(default)]
    #[schemars(extend("format" = "email"))]
    from: Optional<Text>,
    /// Who gets a copy.
    #[serde(default)]
    #[schemars(extend("format" = "email"))]
    cc: Optional<List>,
    /// Who gets a copy without the others seeing it.
    #[serde(default)]
    #[schemars(extend("format" = "email"))]
    bcc: Optional<List>,
    /// Where answers go. Left empty, they go to the sender.
    #[serde(default)]
    #[schemars(extend("format" = "email"))]
    reply_to: Optional<Text>,
    /// The subject, one line.
    #[schemars(extend("format" = "template-text", "minLength" = 1))]
    subject: Text,
    /// The message as text.
    #[serde(default)]
    #[schemars(extend("format" = "multiline"))]
    body: Optional<Text>,
    /// The message as HTML; values that are filled in are escaped. With a text as well, the reader's program chooses.
    #[serde(default)]
    #[schemars(extend("format" = "html"))]
    html: Optional<Text>,
}

/// RFC 5322 allows 998 characters in a line.
const LONGEST_SUBJECT: usize = 900;

impl Action for SendEmail {
    const METADATA: Metadata = Metadata {
        name: "send_email",
        title: "Send an email",
        description: "Sends an email. While no mail server is set up, the mail is kept in the outbox instead.",
        group: "Messages",
        icon: "mail",
        effect: EffectKind::External,
        suggested_retry: Some(SuggestedRetry::NETWORK),
    };
    type Config = Config;

    fn sample() -> Value {
        json!({
            "to": "{{contact.email}}",
            "subject": "Thank you for your feedback!",
            "body": "Hi {{contact.name | default(\"there\")}}, thank you for taking the time to answer.",
        })
    }

    fn check(config: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        for field in ["to", "cc", "bcc", "from", "replyTo"] {
            let mut value = config.get(field).cloned().unwrap_or_default();
            if let Value::Array(values) = &mut value {
                values.retain(|value| !schema::is_template(value));
            }
            if schema::is_template(&value) {
                continue;
            }
            let Ok(list) = serde_json::from_value::<List>(value) else { continue };
            for text in &list.0 {
                if let Err(bad) = mail::address(text) {
                    problems.push(Problem::at(field, bad.to_string()));
                }
            }
        }
        if config.get("to") == Some(&json!([])) {
            problems.push(Problem::at("to", "needs at least one address"));
        }
        let given = |field: &str| {
            config.get(field).is_some_and(|value| !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty()))
        };
        if config.is_object() && !given("body") && !given("html") {
            problems.push(Problem::at("body", "is missing: a mail needs a text, or html"));
        }
        problems
    }

    async fn run(config: Config, cx: &Context<'_>) -> Result<Outcome, ActionError> {
        let mail = compose(config, cx)?;
        let delivery = tokio::time::timeout(cx.timeout, cx.mail.send(&mail)).await.map_err(|_| {
            let millis = cx.timeout.as_millis();
            ActionError::new(ErrorKind::Timeout, format!("the mail server did not answer within {millis} ms"))
        });
        match delivery?? {
            MailOutcome::Sent { response } => Ok(Outcome::Done(json!({
                "sent": true,
                "to": mail.to,
                "messageId": mail.message_id,
                "response": response,
            }))),
            MailOutcome::NoServer => Ok(Outcome::Apply(Effect::MailKeep(mail))),
        }
    }
}

fn compose(config: Config, cx: &Context<'_>) -> Result<Mail, ActionError> {
    let read = |path: &str, text: &str| mail::address(text).map_err(|bad| ActionError::invalid(path, bad));
    let read_all = |path: &str, list: &List| -> Result<Vec<String>, ActionError> {
        list.0.iter().map(|text| read(path, text)).collect()
    };
    let to = read_all("to", &config.to)?;
    if to.is_empty() {
        return Err(ActionError::invalid("to", "there is no receiver"));
    }
    let from = config.from.0.map_or_else(|| cx.mail.default_sender(), |from| from.0);
    Ok(Mail {
        from: read("from", &from)?,
        to,
        cc: read_all("cc", &config.cc.0.unwrap_or_default())?,
        bcc: read_all("bcc", &config.bcc.0.unwrap_or_default())?,
        reply_to: config.reply_to.0.map(|text| read("replyTo", &text.0)).transpose()?,
        subject: config.subject.line(LONGEST_SUBJECT).unwrap_or_default(),
        text: config.body.0.map(|text| text.0),
        html: config.html.0.map(|text| text.0),
        message_id: format!("<{}@vtrustx>", cx.idempotency_key),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use testkit::SmtpServer;

    use super::*;
    use crate::workbench::Workbench;

    #[tokio::test]
    async fn sends_by_the_server() {
        let server = SmtpServer::start().await;
        let mut bench = Workbench::new().with_smtp(&server.url());
        let config = json!({
            "to": ["Ann <ann@example.com>", "bob@example.com, cid@example.com"],
            "cc": "", "replyTo": null,
            "subject": "Line one\r\nBcc: evil@example.com", "body": 9.5,
        });
        let outcome = bench.run("send_email", config).await.unwrap();
        insta::assert_json_snapshot!(bench.shown(&outcome));
        let mail = &server.messages()[0];
        assert_eq!(mail.to, ["ann@example.com", "bob@example.com", "cid@example.com"]);
        assert_eq!(mail.from, "no-reply@localhost");
        assert_eq!(mail.header("Subject"), Some("Line one Bcc: evil@example.com"));
        assert_eq!(mail.text.as_deref().map(str::trim), Some("9.5"));

        let to = |to: &str| json!({"to": to, "subject": "Hi", "body": "x"});
        for (receiver, kind) in
            [("tempfail@example.com", ErrorKind::Unavailable), ("reject@example.com", ErrorKind::Refused)]
        {
            assert_eq!(bench.run("send_email", to(receiver)).await.unwrap_err().kind, kind);
        }
        bench.timeout = Duration::from_millis(150);
        let error = bench.run("send_email", to("hang@example.com")).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Timeout, "the mail server did not answer within 150 ms"));
        assert_eq!(server.messages().len(), 1);
    }

    #[tokio::test]
    async fn without_a_server_the_mail_is_kept() {
        let bench = Workbench::new();
        let config = json!({
            "to": "ann@example.com", "from": "support@company.com", "subject": "Hi", "html": "<b>Hi</b>"
        });
        let outcome = bench.run("send_email", config).await.unwrap();
        let Outcome::Apply(Effect::MailKeep(mail)) = outcome else { panic!("{outcome:?}") };
        assert_eq!((mail.from.as_str(), mail.message_id.as_str()), ("support@company.com", "<vtx_key@vtrustx>"));
    }

    #[tokio::test]
    async fn says_which_address_is_bad() {
        let bench = Workbench::new();
        let message = async |config| bench.run("send_email", config).await.unwrap_err().message;
        let config = |to: Value| json!({"to": to, "subject": "Hi", "body": "x"});
        assert_eq!(
            message(config(json!("ann@example.com, nobody"))).await,
            "the config is not valid: to: \"nobody\" is not an email address"
        );
        assert_eq!(message(config(json!(""))).await, "the config is not valid: to: there is no receiver");
        assert_eq!(
            message(config(json!(["ann@example.com\nBcc: x@example.com"]))).await,
            "the config is not valid: to: \"ann@example.com\\nBcc: x@example.com\" is not an email address"
        );
        assert_eq!(message(config(json!({"a": 1}))).await, "the config is not valid: to: must be text or a list of texts");
        let config = json!({"to": ["{{a}}", "b"], "cc": "nobody", "from": "{{x}}", "subject": "", "text": "?"});
        let problems = crate::catalog().get("send_email").unwrap().check(&config);
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["subject", "text", "to", "cc", "body"]);
        assert_eq!(problems[2].message, "\"b\" is not an email address");
    }
}
