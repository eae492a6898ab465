//! From a [`Mail`] to the bytes that are sent. Nothing from data can add a header: addresses are parsed and printed
//! anew, and a line break in the subject is refused.

use base64::{Engine, engine::general_purpose::STANDARD};
use lettre::{
    Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};
use model::{effect::Mail, settings::Sender};

use crate::action::{ActionError, ErrorKind};

/// Text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an email address")]
pub struct BadAddress(pub String);

/// An address such as `care@example.com` or `Care <care@example.com>`, in its canonical form.
///
/// # Errors
/// [`BadAddress`].
pub fn address(text: &str) -> Result<String, BadAddress> {
    mailbox(text).map(|mailbox| mailbox.to_string())
}

fn mailbox(text: &str) -> Result<Mailbox, BadAddress> {
    let bad = || BadAddress(text.chars().take(120).collect());
    if text.chars().any(char::is_control) {
        return Err(bad());
    }
    text.trim().parse().map_err(|_| bad())
}

/// The tenant's sender, if it is set.
pub(super) fn sender(sender: &Sender) -> Option<String> {
    let address = sender.email.as_deref()?.trim().parse().ok()?;
    Some(Mailbox::new(sender.name.clone(), address).to_string())
}

/// Tells other systems not to answer by themselves (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Where a receiver has no more of such mails (RFC 2369).
#[derive(Clone)]
struct ListUnsubscribe(String);

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }
    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), format!("<{}>", self.0))
    }
}

/// That one POST there is enough (RFC 8058).
#[derive(Clone)]
struct ListUnsubscribePost;

impl Header for ListUnsubscribePost {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".to_owned())
    }
}

/// The message with its envelope.
pub(super) fn build(mail: &Mail) -> Result<Message, ActionError> {
    let read = |path: &str, text: &str| mailbox(text).map_err(|error| ActionError::invalid(path, error));
    if mail.subject.chars().any(char::is_control) {
        return Err(ActionError::invalid("subject", "must be one line"));
    }
    if mail.message_id.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(ActionError::invalid("message_id", "must be one word"));
    }
    let mut builder = Message::builder()
        .from(read("from", &mail.from)?)
        .subject(&mail.subject)
        .message_id(Some(mail.message_id.clone()))
        .header(AutoSubmitted);
    for to in &mail.to {
        builder = builder.to(read("to", to)?);
    }
    for cc in &mail.cc {
        builder = builder.cc(read("cc", cc)?);
    }
    for bcc in &mail.bcc {
        builder = builder.bcc(read("bcc", bcc)?);
    }
    if let Some(reply_to) = &mail.reply_to {
        builder = builder.reply_to(read("replyTo", reply_to)?);
    }
    if let Some(url) = &mail.unsubscribe_url {
        if url.chars().any(|c| c.is_control() || c.is_whitespace() || "<>,".contains(c)) {
            return Err(ActionError::invalid("unsubscribe_url", "must be one address"));
        }
        builder = builder.header(ListUnsubscribe(url.clone())).header(ListUnsubscribePost);
    }
    let message = if mail.attachments.is_empty() {
        match (&mail.text, &mail.html) {
            (Some(text), Some(html)) => builder.multipart(alternative(text, html)),
            (None, Some(html)) => builder.singlepart(SinglePart::html(html.clone())),
            (text, None) => builder.singlepart(SinglePart::plain(text.clone().unwrap_or_default())),
        }
    } else {
        let mixed = MultiPart::mixed();
        let mut mixed = match (&mail.text, &mail.html) {
            (Some(text), Some(html)) => mixed.multipart(alternative(text, html)),
            (None, Some(html)) => mixed.singlepart(SinglePart::html(html.clone())),
            (text, None) => mixed.singlepart(SinglePart::plain(text.clone().unwrap_or_default())),
        };
        for attachment in &mail.attachments {
            mixed = mixed.singlepart(part(attachment)?);
        }
        builder.multipart(mixed)
    };
    message.map_err(|error| {
        ActionError::new(ErrorKind::InvalidConfig, "the mail cannot be made").caused_by(&error)
    })
}

fn alternative(text: &str, html: &str) -> MultiPart {
    MultiPart::alternative_plain_html(text.to_owned(), html.to_owned())
}

fn part(attachment: &model::effect::Attachment) -> Result<SinglePart, ActionError> {
    let content = STANDARD
        .decode(&attachment.content)
        .map_err(|_| ActionError::invalid("attachments", "the content is no base64"))?;
    let unknown = || ContentType::parse("application/octet-stream");
    let kind = ContentType::parse(&attachment.content_type).or_else(|_| unknown());
    let kind = kind.map_err(|error| ActionError::invalid("attachments", error))?;
    let name = attachment.name.chars().map(|c| if c.is_control() || "\"/\\".contains(c) { '_' } else { c });
    Ok(lettre::message::Attachment::new(name.collect()).body(content, kind))
}
