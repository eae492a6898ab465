//! From a [`Mail`] to the bytes that are sent. Nothing from data can add a header: addresses are parsed and printed
//! anew, and a line break in the subject is refused.

use lettre::{
    Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{Header, HeaderName, HeaderValue},
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
    let message = match (&mail.text, &mail.html) {
        (Some(text), Some(html)) => {
            builder.multipart(MultiPart::alternative_plain_html(text.clone(), html.clone()))
        }
        (None, Some(html)) => builder.singlepart(SinglePart::html(html.clone())),
        (text, None) => builder.singlepart(SinglePart::plain(text.clone().unwrap_or_default())),
    };
    message.map_err(|error| {
        ActionError::new(ErrorKind::InvalidConfig, "the mail cannot be made").caused_by(&error)
    })
}
