//! The world outside, as the demo's month had it: a helpdesk that answers but for two outages, and no mail server.

use std::ops::Range;

use actions::{
    ActionError, ErrorKind,
    capability::{
        Connection, Connections, Http, HttpRequest, HttpResponse, MailOutcome, Mailer, NoConnection,
    },
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use model::{Timestamp, effect::Mail};
use serde_json::{Value, json};

use super::company::HELPDESK;

/// Plays everything that steps reach, at one instant.
pub struct Outside {
    /// The time of the step.
    pub now: Timestamp,
    /// When the helpdesk does not answer.
    pub down: [Range<Timestamp>; 2],
    /// Who mails come from.
    pub sender: String,
    /// The company's connection.
    pub helpdesk: Connection,
}

impl Http for Outside {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, ActionError>> {
        let answer = if self.down.iter().any(|span| span.contains(&self.now)) {
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
