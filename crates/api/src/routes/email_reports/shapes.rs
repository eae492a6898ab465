//! What mail services send when a mail bounces, is called spam, or its receiver unsubscribes: each service's shape, read into the same words.

use model::Problem;
use serde_json::Value;
use store::suppression::{Report, ReportKind};

/// What a call says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Of addresses; none: of something else.
    Reports(Vec<Report>),
    /// Amazon SNS asks to be let in, by this link.
    Confirm(String),
}

/// A list of more is split by whoever sends it.
const MOST: usize = 1_000;

/// Reads what was sent.
pub(super) fn read(sent: &Value) -> Result<Word, Problem> {
    let events = match sent {
        Value::Array(events) if events.len() <= MOST => &events[..],
        Value::Array(_) => return Err(Problem::at("", format!("has more than {MOST} reports"))),
        one => std::slice::from_ref(one),
    };
    let mut reports = Vec::new();
    for (index, event) in events.iter().enumerate() {
        match one(event) {
            Some(Word::Reports(found)) => reports.extend(found),
            Some(confirm) => return Ok(confirm),
            None => {
                let path = if sent.is_array() { format!("[{index}]") } else { String::new() };
                let message = "is no report that is known: {\"type\":\"hard_bounce\",\"email\":\"…\"} is one, and what Amazon SES, Postmark, SendGrid and Mailgun send";
                return Err(Problem::at(path, message));
            }
        }
    }
    Ok(Word::Reports(reports))
}

fn one(event: &Value) -> Option<Word> {
    let has = |name: &str| event.get(name).is_some_and(|value| !value.is_null());
    if has("Type") && (has("Message") || has("SubscribeURL")) {
        return sns(event);
    }
    let reports = if has("notificationType") || has("eventType") {
        ses(event)?
    } else if has("RecordType") {
        postmark(event)?
    } else if has("event-data") {
        mailgun(&event["event-data"])?
    } else if has("event") && has("email") {
        sendgrid(event)?
    } else {
        plain(event)?
    };
    Some(Word::Reports(reports))
}

/// The server's own form.
fn plain(event: &Value) -> Option<Vec<Report>> {
    let kind = text(event, "/type")?.parse().ok()?;
    let address = text(event, "/email").filter(|address| model::field::looks_like_email(address))?;
    Some(vec![report(address, kind, "webhook", text(event, "/detail"))])
}

fn sns(event: &Value) -> Option<Word> {
    match text(event, "/Type")? {
        "Notification" => one(&serde_json::from_str(text(event, "/Message")?).ok()?),
        "SubscriptionConfirmation" => {
            let link = text(event, "/SubscribeURL")?;
            let url = url::Url::parse(link).ok().filter(|url| url.scheme() == "https")?;
            let host = url.host_str()?;
            let is_amazon = host.starts_with("sns.") && host.ends_with(".amazonaws.com");
            is_amazon.then(|| Word::Confirm(link.to_owned()))
        }
        "UnsubscribeConfirmation" => Some(Word::Reports(Vec::new())),
        _ => None,
    }
}

fn ses(event: &Value) -> Option<Vec<Report>> {
    let name = text(event, "/notificationType").or_else(|| text(event, "/eventType"))?;
    let (kind, list) = match name {
        "Bounce" if text(event, "/bounce/bounceType") == Some("Permanent") => {
            (ReportKind::HardBounce, "/bounce/bouncedRecipients")
        }
        "Bounce" => (ReportKind::SoftBounce, "/bounce/bouncedRecipients"),
        "Complaint" => (ReportKind::Complaint, "/complaint/complainedRecipients"),
        _ => return Some(Vec::new()),
    };
    let receivers = event.pointer(list)?.as_array()?.iter();
    let reports = receivers.filter_map(|receiver| {
        Some(report(text(receiver, "/emailAddress")?, kind, "ses", text(receiver, "/diagnosticCode")))
    });
    Some(reports.collect())
}

fn postmark(event: &Value) -> Option<Vec<Report>> {
    let detail = text(event, "/Description").or_else(|| text(event, "/Details"));
    let (kind, address) = match (text(event, "/RecordType")?, text(event, "/Type")) {
        ("Bounce", Some("HardBounce" | "BadEmailAddress")) => (ReportKind::HardBounce, "/Email"),
        ("Bounce", Some("Unsubscribe")) => (ReportKind::Unsubscribe, "/Email"),
        ("Bounce", Some("SpamComplaint")) | ("SpamComplaint", _) => (ReportKind::Complaint, "/Email"),
        ("Bounce", Some("SoftBounce" | "Transient" | "DnsError")) => (ReportKind::SoftBounce, "/Email"),
        ("SubscriptionChange", _) if event["SuppressSending"] == true => {
            let kind = match text(event, "/SuppressionReason") {
                Some("HardBounce") => ReportKind::HardBounce,
                Some("SpamComplaint") => ReportKind::Complaint,
                _ => ReportKind::Unsubscribe,
            };
            (kind, "/Recipient")
        }
        _ => return Some(Vec::new()),
    };
    Some(vec![report(text(event, address)?, kind, "postmark", detail)])
}

fn sendgrid(event: &Value) -> Option<Vec<Report>> {
    let kind = match (text(event, "/event")?, text(event, "/type")) {
        // "blocked" is a server that turned this one mail away.
        ("bounce", Some("blocked")) | ("deferred", _) => ReportKind::SoftBounce,
        ("bounce", _) => ReportKind::HardBounce,
        ("spamreport", _) => ReportKind::Complaint,
        ("unsubscribe" | "group_unsubscribe", _) => ReportKind::Unsubscribe,
        _ => return Some(Vec::new()),
    };
    Some(vec![report(text(event, "/email")?, kind, "sendgrid", text(event, "/reason"))])
}

fn mailgun(event: &Value) -> Option<Vec<Report>> {
    let kind = match (text(event, "/event")?, text(event, "/severity")) {
        ("failed", Some("permanent")) => ReportKind::HardBounce,
        ("failed", _) => ReportKind::SoftBounce,
        ("complained", _) => ReportKind::Complaint,
        ("unsubscribed", _) => ReportKind::Unsubscribe,
        _ => return Some(Vec::new()),
    };
    let said = ["/delivery-status/message", "/delivery-status/description"].map(|path| text(event, path));
    let detail = said.into_iter().flatten().find(|text| !text.is_empty());
    Some(vec![report(text(event, "/recipient")?, kind, "mailgun", detail)])
}

fn text<'a>(event: &'a Value, path: &str) -> Option<&'a str> {
    event.pointer(path)?.as_str().map(str::trim)
}

fn report(address: &str, kind: ReportKind, source: &'static str, detail: Option<&str>) -> Report {
    Report { address: address.to_owned(), kind, source, detail: detail.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(sent: &Value) -> String {
        match read(sent) {
            Ok(Word::Reports(reports)) => {
                let lines = reports.iter().map(|report| {
                    format!(
                        "{} {} {} {}",
                        report.source,
                        report.kind,
                        report.address,
                        report.detail.as_deref().unwrap_or("-")
                    )
                });
                lines.collect::<Vec<_>>().join("; ")
            }
            Ok(Word::Confirm(url)) => format!("confirm {url}"),
            Err(problem) => problem.to_string().chars().take(32).collect(),
        }
    }

    #[test]
    fn each_service_says_it_in_its_own_way() {
        let bounce = |kind: &str| {
            json!({"notificationType": "Bounce", "bounce": {"bounceType": kind,
            "bouncedRecipients": [{"emailAddress": "a@x.io", "diagnosticCode": "smtp; 550 5.1.1"}, {"emailAddress": "b@x.io"}]}})
        };
        let sns = |kind: &str, message: &Value| json!({"Type": kind, "Message": message.to_string(), "TopicArn": "arn:aws:sns:eu-west-1:1:t"});
        let asks = |url: &str| json!({"Type": "SubscriptionConfirmation", "SubscribeURL": url, "Token": "t"});
        for (sent, expected) in [
            (
                sns("Notification", &bounce("Permanent")),
                "ses hard_bounce a@x.io smtp; 550 5.1.1; ses hard_bounce b@x.io -",
            ),
            (bounce("Transient"), "ses soft_bounce a@x.io smtp; 550 5.1.1; ses soft_bounce b@x.io -"),
            (
                json!({"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "a@x.io"}]}}),
                "ses complaint a@x.io -",
            ),
            (json!({"eventType": "Delivery", "mail": {}}), ""),
            (
                asks("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"),
                "confirm https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
            ),
            (asks("https://sns.evil.example/?amazonaws.com"), "is no report that is known: {\"ty"),
            (asks("http://169.254.169.254/"), "is no report that is known: {\"ty"),
            (
                json!({"RecordType": "Bounce", "Type": "HardBounce", "Email": "a@x.io", "Description": "gone"}),
                "postmark hard_bounce a@x.io gone",
            ),
            (
                json!({"RecordType": "Bounce", "Type": "SoftBounce", "Email": "a@x.io"}),
                "postmark soft_bounce a@x.io -",
            ),
            (json!({"RecordType": "SpamComplaint", "Email": "a@x.io"}), "postmark complaint a@x.io -"),
            (
                json!({"RecordType": "SubscriptionChange", "SuppressSending": true, "Recipient": "a@x.io", "SuppressionReason": "ManualSuppression"}),
                "postmark unsubscribe a@x.io -",
            ),
            (
                json!({"RecordType": "SubscriptionChange", "SuppressSending": false, "Recipient": "a@x.io"}),
                "",
            ),
            (
                json!([{"event": "bounce", "type": "bounce", "email": "a@x.io", "reason": "550"}, {"event": "bounce", "type": "blocked", "email": "b@x.io"},
                    {"event": "spamreport", "email": "c@x.io"}, {"event": "group_unsubscribe", "email": "d@x.io"}, {"event": "open", "email": "e@x.io"}]),
                "sendgrid hard_bounce a@x.io 550; sendgrid soft_bounce b@x.io -; sendgrid complaint c@x.io -; sendgrid unsubscribe d@x.io -",
            ),
            (
                json!({"signature": {}, "event-data": {"event": "failed", "severity": "permanent", "recipient": "a@x.io",
                    "delivery-status": {"message": "", "description": "No such user"}}}),
                "mailgun hard_bounce a@x.io No such user",
            ),
            (
                json!({"event-data": {"event": "failed", "severity": "temporary", "recipient": "a@x.io"}}),
                "mailgun soft_bounce a@x.io -",
            ),
            (
                json!({"type": "hard_bounce", "email": "a@x.io", "detail": "gone"}),
                "webhook hard_bounce a@x.io gone",
            ),
            (
                json!([{"type": "unsubscribe", "email": "a@x.io"}, {"type": "bounced"}]),
                "[1]: is no report that is known:",
            ),
            (json!({"type": "hard_bounce", "email": "nobody"}), "is no report that is known: {\"ty"),
            (json!("hello"), "is no report that is known: {\"ty"),
        ] {
            assert_eq!(told(&sent), expected, "{sent}");
        }
    }
}
