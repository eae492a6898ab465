//! What an action is: its metadata, its typed config, what it may return and how it may fail.

use std::{future::Future, time::Duration};

use model::{ContactId, ExecutionId, Period, Problem, SubmissionId, TenantId, Timestamp, effect::Effect};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    capability::{Audience, Connections, Http, Mailer},
    ledger::Ledger,
};

/// What the catalogue says about an action besides its config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// The `type` in a definition.
    pub name: &'static str,
    /// A few words for a person.
    pub title: &'static str,
    /// One or two sentences for a person.
    pub description: &'static str,
    /// The heading under which the catalogue shows it.
    pub group: &'static str,
    /// The name of a Tabler icon.
    pub icon: &'static str,
    /// Where its effect takes place.
    pub effect: EffectKind,
    /// What the builder proposes as the step's `retry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested_retry: Option<SuggestedRetry>,
}

/// Where an action's effect takes place, hence how often it may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// In the store, in the transaction that records the step: exactly once.
    Internal,
    /// Outside: at least once, with an idempotency key.
    External,
    /// Nowhere: the execution is suspended.
    Wait,
}

/// A step's `retry` as a definition writes it (control-flow.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SuggestedRetry {
    /// How often the step is tried, the first time included.
    pub attempts: u32,
    /// The pauses between; the last one repeats.
    pub delays: &'static [&'static str],
    /// The kinds of failure that a repeat may mend.
    pub on: &'static [&'static str],
}

impl SuggestedRetry {
    /// For whatever is reached over a network: long enough for a restart of the other side, and short enough that
    /// nobody waits for an hour.
    pub const NETWORK: Self =
        Self { attempts: 4, delays: &["5s", "30s", "2m"], on: &["timeout", "5xx", "429", "connection"] };
}

/// One kind of action. Register it with `inventory::submit!(Registration::of::<MyAction>())`.
pub trait Action: Send + Sync + 'static {
    /// What the catalogue says about it.
    const METADATA: Metadata;

    /// The rendered config, with unknown fields denied. Its fields are of the types in [`crate::input`], because
    /// rendering may give text where a number is meant.
    type Config: DeserializeOwned + JsonSchema + Send;

    /// A config as a beginner would write it.
    fn sample() -> Value;

    /// What can be said about a config before it is rendered, beyond its schema. Paths are relative to the config.
    fn check(_config: &Value) -> Vec<Problem> {
        Vec::new()
    }

    /// The hosts that the unrendered config names literally, which a request of this step may therefore reach
    /// (contract section 9).
    fn literal_hosts(_config: &Value) -> Vec<String> {
        Vec::new()
    }

    /// How long a rendered config asks the step to take, which counts when the step itself does not say.
    fn timeout(_config: &Value) -> Option<Duration> {
        None
    }

    /// Does it.
    fn run(
        config: Self::Config,
        cx: &Context<'_>,
    ) -> impl Future<Output = Result<Outcome, ActionError>> + Send;
}

/// What an action has come to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done outside; this is the step's output.
    Done(Value),
    /// To be done by the store together with the step's record, which also says what the output is.
    Apply(Effect),
    /// To be suspended for that long.
    Wait(Period),
    /// Not done, and rightly so; this says why.
    Skipped(Value),
}

/// Why an action did not succeed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ActionError {
    /// What kind of failure, which decides whether a retry can help.
    pub kind: ErrorKind,
    /// One sentence.
    pub message: String,
    /// What lies below, outermost first; without secrets.
    pub causes: Vec<String>,
    /// How long the other side asks to be left alone.
    pub retry_after: Option<Period>,
    /// What is worth keeping all the same, such as the answer that was not a success.
    pub output: Option<Value>,
    /// The request may have reached the other side, so what it asks for may have been done.
    pub perhaps_done: bool,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The other side was not reached, or went away.
    Connection,
    /// The other side did not answer in time.
    Timeout,
    /// The other side answered with an HTTP status that is no success.
    Status(u16),
    /// The rendered config makes no sense.
    InvalidConfig,
    /// Refused for good, here or there.
    Refused,
    /// Refused for now.
    Unavailable,
    /// Not tried: the other side has enough to do with other calls from here. It counts as no attempt; `retry_after` says when to try.
    Busy,
    /// Not tried: the other side has not answered other calls from here. As for [`ErrorKind::Busy`].
    Down,
    /// Not done: the other side, or what is known of its limits, asks for a pause. It counts as no attempt; `retry_after` is how long exactly.
    Paced,
    /// Not done: the connection is not let in any more. It counts as no attempt, and goes on when the connection is mended.
    Parked,
    /// A fault of this software.
    Panicked,
}

impl ErrorKind {
    /// Whether the same attempt may succeed later (contract section 8, rule 4).
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Connection
            | Self::Timeout
            | Self::Unavailable
            | Self::Busy
            | Self::Down
            | Self::Paced
            | Self::Parked
            | Self::Panicked => true,
            Self::Status(status) => matches!(status, 408 | 425 | 429 | 500..),
            Self::InvalidConfig | Self::Refused => false,
        }
    }
}

/// In characters; what a message quotes was sent by someone.
const LONGEST_MESSAGE: usize = 500;

impl ActionError {
    /// A failure with nothing more to tell. A message that quotes too much is cut.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Self { kind, message, causes: Vec::new(), retry_after: None, output: None, perhaps_done: false }
    }

    /// A fault in the rendered config, at a path.
    #[must_use]
    pub fn invalid(path: &str, message: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidConfig, format!("the config is not valid: {path}: {message}"))
    }

    /// Refused for good.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// That another system did what it was asked for without saying what it made.
    #[must_use]
    pub fn without_id(system: &str) -> Self {
        Self { perhaps_done: true, ..Self::refused(format!("{system} answered without the record's id")) }
    }

    /// With a pause that the other side asks for.
    #[must_use]
    pub fn after(mut self, pause: Period) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// With the chain of errors below it.
    #[must_use]
    pub fn caused_by(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }
}

/// What an action knows about its surroundings, and what it may use. Everything is bound to one tenant.
pub struct Context<'a> {
    /// Whose workflow it is.
    pub tenant: TenantId,
    /// The run. 0 where an action that touches nothing outside is performed with the acceptance of its event, before the run has an id.
    pub execution: ExecutionId,
    /// The contact of the event, if any.
    pub contact: Option<ContactId>,
    /// The submission of the event, if any.
    pub submission: Option<SubmissionId>,
    /// The same on every attempt of this step.
    pub idempotency_key: &'a str,
    /// Counts from 1.
    pub attempt: i64,
    /// The time of this attempt.
    pub now: Timestamp,
    /// How long the step may take.
    pub timeout: Duration,
    /// Sends mails.
    pub mail: &'a dyn Mailer,
    /// Says who may be written to.
    pub audience: &'a dyn Audience,
    /// Sends HTTP requests.
    pub http: &'a dyn Http,
    /// Finds stored connections.
    pub connections: &'a dyn Connections,
    /// Remembers of connections what has to last: tokens, turns, what was made.
    pub ledger: &'a dyn Ledger,
}

#[cfg(test)]
mod tests {
    use super::ErrorKind::{Connection, InvalidConfig, Panicked, Refused, Status, Timeout, Unavailable};

    #[test]
    fn a_retry_helps_where_the_contract_says() {
        for kind in
            [Connection, Timeout, Unavailable, Panicked, Status(408), Status(425), Status(429), Status(503)]
        {
            assert!(kind.is_retryable(), "{kind:?}");
        }
        for kind in [InvalidConfig, Refused, Status(302), Status(400), Status(404), Status(410), Status(422)]
        {
            assert!(!kind.is_retryable(), "{kind:?}");
        }
    }
}
