//! What can go wrong in the store, in the terms of whoever called.

use model::Problem;

/// A result of the store.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why an operation was not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// There is no such record in this tenant.
    #[error("{0} does not exist")]
    Missing(String),
    /// The change clashes with what is there: a name that is taken, a state that does not allow it.
    #[error("{message}")]
    Conflict {
        /// A short name of the clash, in snake_case.
        code: &'static str,
        /// What to do about it.
        message: String,
    },
    /// Someone else changed the record first.
    #[error(
        "the record is at version {current}, the change was made for version {sent}: read it again and repeat the change"
    )]
    Stale {
        /// The version that is stored.
        current: i64,
        /// The version that was sent.
        sent: i64,
    },
    /// Values that the record does not accept.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Problem>),
    /// One event would start more executions than allowed.
    #[error(
        "the event would start {0} executions; one event starts at most 1,000: make the triggers narrower"
    )]
    TooManyExecutions(usize),
    /// More writes are waiting than can be done soon.
    #[error("the server has more work than it can store; try again shortly")]
    QueueFull,
    /// Another process uses the same file.
    #[error("{0}")]
    InUse(String),
    /// The store was written by a newer program.
    #[error("the store has migration {found}, this program knows {known}: run the newer program")]
    Newer {
        /// The newest migration in the store.
        found: i64,
        /// The newest that this program has.
        known: i64,
    },
    /// A copy into this store was interrupted: a part of the rows is missing.
    #[error(
        "this store is an interrupted copy: run the same `vtrustx store copy` again, which goes on where it stopped, or begin anew with an empty database"
    )]
    HalfCopied,
    /// The database does not answer or refuses; nothing of the operation happened.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// Another node has taken over this one's work: it must not write any more under its name.
    #[error("this node lost its lease and another one has taken over its work")]
    Fenced,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// What is stored cannot be read: a fault of this program.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

/// The code of [`StoreError::taken`].
const TAKEN: &str = "taken";

impl StoreError {
    /// A record that is not there: `contact 99`.
    pub fn missing(what: impl std::fmt::Display) -> Self {
        Self::Missing(what.to_string())
    }

    /// Every name is looked up before it is taken: somebody took it in between.
    pub(crate) fn taken() -> Self {
        let message = "somebody has just made the same record: read it again and repeat the change";
        Self::conflict(TAKEN, message)
    }

    /// Whether it is [`StoreError::taken`].
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, Self::Conflict { code, .. } if *code == TAKEN)
    }

    /// A clash with what is there.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
        match error.sqlite_error().map(|error| error.extended_code) {
            Some(SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY) => Self::taken(),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
