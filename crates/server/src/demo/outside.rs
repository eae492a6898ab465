//! The world outside, as the demo's month had it: a helpdesk that answers but for two outages, and no mail server.

use actions::{
    ActionError, ErrorKind,
    capability::{
        Connection, Connections, Http, HttpRequest, HttpResponse, MailOutcome, Mailer, NoConnection,
    },
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use model::{Period, Timestamp, effect::Mail};
use serde_json::{Value, json};

use super::company::HELPDESK;

/// When the helpdesk is down: an afternoon a week and a half ago, and again since three quarters of an hour ago.
pub fn is_down(at: Timestamp, present: Timestamp) -> bool {
    let since = |days: u16, hours: u32| present.minus(Period::days(days)).minus(Period::hours(hours));
    let past = since(9, 6)..since(9, 0);
    past.contains(&at) || at >= present.minus(Period::minutes(45))
}

/// Plays everything that steps reach, at one instant.
pub struct Outside {
    /// The time of the step.
    pub now: Timestamp,
    /// The end of the story.
    pub present: Timestamp,
    /// Who mails come from.
    pub sender: String,
    /// The company's connection.
    pub helpdesk: Connection,
}

impl Http for Outside {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, ActionError>> {
        let answer = if is_down(self.now, self.present) {
            answer(503, &json!({"error": "maintenance"}))
        } else {
            // A case number that follows from the request, as a real one would be another for each.
            let sum: u64 = request.body.iter().map(|byte| u64::from(*byte)).sum();
            answer(201, &json!({"case": format!("HD-{}", 20_000 + sum % 10_000), "status": "open"}))
        };
        Box::pin(ready(Ok(answer)))
    }
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Bytes::from(body.to_string()),
        truncated: false,
        not_followed: None,
    }
}

impl Mailer for Outside {
    fn default_sender(&self) -> String {
        self.sender.clone()
    }

    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<MailOutcome, ActionError>> {
        let outcome = if mail.to.is_empty() {
            Err(ActionError::new(ErrorKind::InvalidConfig, "the mail has no receiver"))
        } else {
            Ok(MailOutcome::NoServer)
        };
        Box::pin(ready(outcome))
    }
}

impl Connections for Outside {
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Connection, NoConnection>> {
        let found = if name == HELPDESK {
            Ok(self.helpdesk.clone())
        } else {
            Err(NoConnection::Missing { known: vec![HELPDESK.to_owned()] })
        };
        Box::pin(ready(found))
    }
}
