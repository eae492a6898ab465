//! `send_email`: a mail by the tenant's server, else the installation's, else the outbox.

use base64::Engine as _;
use model::{
    Problem,
    effect::{Attachment, Effect, Mail},
    mailing::Purpose,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    action::{Action, ActionError, Context, EffectKind, ErrorKind, Metadata, Outcome, SuggestedRetry},
    capability::{Admission, HttpRequest, MailOutcome, Target},
    catalog::Registration,
    input::{Choice, List, Optional, Text},
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
    /// `transactional` answers something that the receiver did. `marketing` asks for something: it goes only to a contact who has consented
    /// (`consents.marketing.status` is `granted`), at most as often as the settings allow, and with a link to have no more of it. Who may not be
    /// written to is passed over: the step is skipped and says why.
    #[serde(default)]
    purpose: Optional<Choice<Purpose>>,
    /// Files to send along: `{"url", "name"}` each. Only where the settings allow it, and from hosts that the step may reach.
    #[serde(default)]
    attachments: Optional<Vec<File>>,
}

/// A file to send along.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    /// Where it is fetched from.
    #[schemars(extend("format" = "uri"))]
    url: Text,
    /// What it is called. Left empty, it is called as in the address.
    #[serde(default)]
    name: Optional<Text>,
}

/// RFC 5322 allows 998 characters in a line.
const LONGEST_SUBJECT: usize = 900;
/// In bytes, of all files of a mail: many servers take no more than 10 MB as base64.
const LARGEST_FILES: usize = 7_000_000;

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
        let is_marketing = config.get("purpose").and_then(Value::as_str) == Some("marketing");
        for field in ["cc", "bcc"].into_iter().filter(|field| is_marketing && config.get(*field).is_some_and(is_given)) {
            problems.push(Problem::at(field, "must be empty: a marketing mail has exactly one receiver, who can unsubscribe"));
        }
        let given = |field: &str| config.get(field).is_some_and(is_given);
        if config.is_object() && !given("body") && !given("html") {
            problems.push(Problem::at("body", "is missing: a mail needs a text, or html"));
        }
        problems
    }

    async fn run(mut config: Config, cx: &Context<'_>) -> Result<Outcome, ActionError> {
        let purpose = config.purpose.0.map_or(Purpose::Transactional, |purpose| purpose.0);
        let files = config.attachments.0.take().unwrap_or_default();
        let mut mail = compose(config, cx)?;
        let suppressed = match purpose {
            Purpose::Transactional => {
                let suppressed = cx.audience.suppressed(&receivers(&mail), purpose).await?;
                for list in [&mut mail.to, &mut mail.cc, &mut mail.bcc] {
                    list.retain(|address| !suppressed.contains(address));
                }
                if mail.to.is_empty() {
                    let message = "every receiver is on the suppression list";
                    return Ok(skipped("suppressed", message));
                }
                suppressed
            }
            Purpose::Marketing => {
                let [to] = &receivers(&mail)[..] else {
                    let message = "a marketing mail has exactly one receiver and no copies: who unsubscribes is whoever it was sent to";
                    return Err(ActionError::invalid("to", message));
                };
                match cx.audience.admit(cx.idempotency_key, to).await? {
                    Admission::Refused(refusal) => return Ok(skipped(refusal.code(), &refusal.to_string())),
                    Admission::Admitted { unsubscribe_url } => mail.unsubscribe_url = Some(unsubscribe_url),
                }
                Vec::new()
            }
        };
        mail.attachments = fetched(&files, cx).await?;
        let mut mail = cx.mail.dressed(mail);
        let delivery = tokio::time::timeout(cx.timeout, cx.mail.send(&mail)).await.map_err(|_| {
            let millis = cx.timeout.as_millis();
            ActionError::new(ErrorKind::Timeout, format!("the mail server did not answer within {millis} ms"))
        });
        match delivery?? {
            MailOutcome::Sent { response } => {
                let mut output = json!({
                    "sent": true,
                    "to": mail.to,
                    "messageId": mail.message_id,
                    "response": response,
                });
                if !suppressed.is_empty() {
                    output["suppressed"] = json!(suppressed);
                }
                Ok(Outcome::Done(output))
            }
            MailOutcome::NoServer => {
                // The outbox shows what would have been said; files would only fill it.
                mail.attachments.iter_mut().for_each(|file| file.content.clear());
                Ok(Outcome::Apply(Effect::MailKeep(mail)))
            }
        }
    }
}

fn is_given(value: &Value) -> bool {
    !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())
}

/// Nothing is sent, and that is as it should be.
fn skipped(reason: &str, message: &str) -> Outcome {
    Outcome::Skipped(json!({"sent": false, "reason": reason, "message": message}))
}

fn receivers(mail: &Mail) -> Vec<String> {
    [&mail.to, &mail.cc, &mail.bcc].into_iter().flatten().cloned().collect()
}

/// The files, each within the step's time.
async fn fetched(files: &[File], cx: &Context<'_>) -> Result<Vec<Attachment>, ActionError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    if !cx.audience.may_attach() {
        let message = "files are not sent along here: an administrator can allow it in the settings (mail.attachments)";
        return Err(ActionError::refused(message));
    }
    let (mut fetched, mut room) = (Vec::new(), LARGEST_FILES);
    for (index, file) in files.iter().enumerate() {
        let request = HttpRequest {
            method: "GET".to_owned(),
            url: file.url.0.clone(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
            timeout: cx.timeout,
            longest: room,
            target: Target::Definition,
        };
        let answer = cx.http.send(request).await?;
        let wrong = |message: String| ActionError::invalid(&format!("attachments[{index}].url"), message);
        if answer.truncated {
            return Err(wrong(format!("the files have more than {} MB in all", LARGEST_FILES / 1_000_000)));
        }
        if answer.status != 200 {
            let message = format!("attachments[{index}].url was answered {}", answer.status);
            return Err(ActionError::new(ErrorKind::Status(answer.status), message));
        }
        room -= answer.body.len();
        let address = url::Url::parse(file.url.0.trim()).map_err(|error| wrong(error.to_string()))?;
        let last = address.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let named = file.name.0.as_ref().and_then(|name| name.line(255));
        fetched.push(Attachment {
            name: named.unwrap_or_else(|| if last.is_empty() { "file".to_owned() } else { last.to_owned() }),
            content_type: answer.header("content-type").unwrap_or("application/octet-stream").to_owned(),
            content: base64::engine::general_purpose::STANDARD.encode(&answer.body),
        });
    }
    Ok(fetched)
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
        ..Mail::default()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::BoxFuture;
    use model::mailing::Refusal;
    use testkit::SmtpServer;

    use super::*;
    use crate::{capability::Audience, workbench::Workbench};

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

    /// Lets nobody through but one address, and allows files.
    struct OnlyAnn;

    impl Audience for OnlyAnn {
        fn suppressed<'a>(
            &'a self,
            addresses: &'a [String],
            _: Purpose,
        ) -> BoxFuture<'a, Result<Vec<String>, ActionError>> {
            let others = addresses.iter().filter(|address| *address != "ann@example.com").cloned().collect();
            Box::pin(std::future::ready(Ok(others)))
        }

        fn admit<'a>(&'a self, key: &'a str, address: &'a str) -> BoxFuture<'a, Result<Admission, ActionError>> {
            let unsubscribe_url = format!("https://x.example/u/{key}");
            Box::pin(std::future::ready(Ok(match address {
                "ann@example.com" => Admission::Admitted { unsubscribe_url },
                _ => Admission::Refused(Refusal::NoConsent),
            })))
        }

        fn invitation(&self, key: &str) -> crate::capability::InvitationLink {
            crate::capability::Everybody.invitation(key)
        }

        fn may_attach(&self) -> bool {
            true
        }
    }

    #[tokio::test]
    async fn who_may_not_be_written_to_is_left_out() {
        let (server, sink) = (SmtpServer::start().await, testkit::Sink::start().await);
        let mut bench = Workbench::new().with_smtp(&server.url());
        bench.audience = Box::new(OnlyAnn);
        let run = async |to: &str, purpose: &str| {
            bench.run("send_email", json!({"to": to, "subject": "Hi", "body": "x", "purpose": purpose})).await
        };
        let sent = run("ann@example.com, bob@example.com", "").await.unwrap();
        assert_eq!(bench.shown(&sent)["suppressed"], json!(["bob@example.com"]));
        assert_eq!(server.messages()[0].to, ["ann@example.com"]);
        for (to, purpose, reason) in [("bob@example.com", "transactional", "suppressed"), ("bob@example.com", "marketing", "no_consent")] {
            let Outcome::Skipped(said) = run(to, purpose).await.unwrap() else { panic!("{to} {purpose}") };
            assert_eq!((&said["sent"], &said["reason"]), (&json!(false), &json!(reason)));
        }
        let several = run("ann@example.com, bob@example.com", "marketing").await.unwrap_err();
        assert!(several.message.contains("exactly one receiver"), "{}", several.message);
        run("ann@example.com", "marketing").await.unwrap();
        assert_eq!(server.messages()[1].header("List-Unsubscribe"), Some("<https://x.example/u/vtx_key>"));

        let with_files = |path: &str| json!({"to": "ann@example.com", "subject": "Hi", "body": "x", "attachments": [{"url": sink.url(path)}, {"url": sink.url("/json"), "name": "b.json"}]});
        bench.run("send_email", with_files("/big")).await.unwrap();
        let raw = &server.messages()[2].raw;
        assert!(raw.contains("filename=\"big\"") && raw.contains("filename=\"b.json\"") && raw.len() > 1 << 20, "{raw:.2000}");
        let missing = bench.run("send_email", with_files("/status/404")).await.unwrap_err();
        assert_eq!((missing.kind, server.messages().len()), (ErrorKind::Status(404), 3));
        bench.audience = Box::new(crate::capability::Everybody);
        assert_eq!(bench.run("send_email", with_files("/json")).await.unwrap_err().kind, ErrorKind::Refused);
        let check = |config: Value| crate::catalog().get("send_email").unwrap().check(&config);
        let problems = check(json!({"to": "a@x.io", "cc": "b@x.io", "subject": "x", "body": "x", "purpose": "marketing"}));
        assert_eq!(problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), ["cc"]);
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
