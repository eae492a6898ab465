//! What has to be remembered of a connection between calls, and over all nodes: its token, whose turn it is, what was made over there, and whether it
//! is still let in. Implemented by the engine over the store; bound to one tenant.
//!
//! Times come from the caller, so that all of it can be tested on a clock that is moved by hand.

use std::{fmt, future::ready};

use futures_util::future::BoxFuture;
use model::{IntegrationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{action::ActionError, capability::Connection};

/// An answer of the ledger. An error means that the store cannot be read or written now: [`crate::ErrorKind::Unavailable`].
pub type Remembered<'a, T> = BoxFuture<'a, Result<T, ActionError>>;

/// Remembers.
pub trait Ledger: Send + Sync {
    /// The token that is kept, with the number of the renewal that brought it; 0 and nothing before the first.
    fn token(&self, connection: IntegrationId) -> Remembered<'_, (i64, Option<Token>)>;

    /// Asks for the right to renew the token after the renewal `generation`. It is given to one at a time, for half a minute: whoever dies with it
    /// holds nobody up for longer.
    fn renewal_begin(
        &self,
        connection: IntegrationId,
        generation: i64,
        now: Timestamp,
    ) -> Remembered<'_, Option<Renewal>>;

    /// Ends the renewal with a new token, or without one. Answers whether that counts: whoever took longer than the half minute may have been overtaken,
    /// and then knows nothing of the token that is good.
    fn renewal_end(
        &self,
        connection: IntegrationId,
        renewal: Renewal,
        token: Option<Token>,
    ) -> Remembered<'_, bool>;

    /// Asks when the call with this key may be made. An answer of a later time is kept for the key: whoever comes back then goes ahead, unless the other side
    /// has asked for a pause since: what was to be called before its end gets its place behind the others.
    fn turn<'a>(
        &'a self,
        connection: IntegrationId,
        key: &'a str,
        pace: Pace,
        now: Timestamp,
    ) -> Remembered<'a, Turn>;

    /// The other side asks to be left alone until then.
    fn limited<'a>(
        &'a self,
        connection: &'a Connection,
        until: Timestamp,
        why: &'a str,
    ) -> Remembered<'a, ()>;

    /// The other side has answered, and let the connection in. Costs a write only where that, or the quota, is news, and changes nothing that was found of the
    /// connection since it was read.
    fn answered<'a>(&'a self, connection: &'a Connection, quota: Option<Quota>) -> Remembered<'a, ()>;

    /// The other side does not let the connection in: notes it, and tells the administrators once.
    fn shut_out<'a>(
        &'a self,
        connection: &'a Connection,
        standing: Standing,
        why: &'a str,
    ) -> Remembered<'a, ()>;

    /// The execution waits until the connection is mended.
    fn park(&self, connection: IntegrationId) -> Remembered<'_, ()>;

    /// Notes that something is about to be made under this key, and answers what is known of it.
    fn making<'a>(
        &'a self,
        connection: IntegrationId,
        key: &'a str,
        now: Timestamp,
    ) -> Remembered<'a, Making>;

    /// Notes that what was to be made under the key was surely not made.
    fn unmade<'a>(&'a self, connection: IntegrationId, key: &'a str) -> Remembered<'a, ()>;

    /// Notes what was made under the key.
    fn made<'a>(
        &'a self,
        connection: IntegrationId,
        key: &'a str,
        reference: &'a Reference,
    ) -> Remembered<'a, ()>;
}

/// Whether a connection is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has not been used since it last changed.
    #[default]
    Untried,
    /// It was let in.
    Ok,
    /// It did not work for another reason than those below.
    Failing,
    /// Its token ran out and cannot be renewed: somebody has to connect it again.
    Expired,
    /// Its key or its permission was taken away.
    Revoked,
    /// The other side asks for a pause.
    RateLimited,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Untried, Self::Ok, Self::Failing, Self::Expired, Self::Revoked, Self::RateLimited];

    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Ok => "ok",
            Self::Failing => "failing",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::RateLimited => "rate_limited",
        }
    }

    /// From what is stored; `working` is how earlier versions wrote `ok`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text {
            "working" => Self::Ok,
            text => Self::ALL.into_iter().find(|standing| standing.as_str() == text).unwrap_or_default(),
        }
    }

    /// Whether a call is pointless until somebody mends the connection.
    #[must_use]
    pub const fn is_shut_out(self) -> bool {
        matches!(self, Self::Expired | Self::Revoked)
    }
}

/// What lets a connection in for a while. Sealed where it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Goes into each request.
    pub access: String,
    /// Gets the next one, where the other side gives a new one each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// Where this account lives, where the other side says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// From then on a new one is asked for, ahead of its end.
    pub renew_at: Timestamp,
    /// When it ends, as far as is known.
    pub ends_at: Timestamp,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("renew_at", &self.renew_at).finish_non_exhaustive()
    }
}

/// The right to renew a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// The number of the renewal that brought the token before.
    pub generation: i64,
    /// How long it is given, which tells it from any other after the same token.
    pub until: Timestamp,
}

/// How often a connection may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds between two calls, on average.
    pub interval: i64,
    /// Calls that may come at once after a silence.
    pub burst: i64,
}

impl Pace {
    /// So many calls within so many seconds, less a tenth: others use the same account.
    #[must_use]
    pub const fn per(calls: i64, seconds: i64) -> Self {
        let interval = seconds * 1_000 * 10 / (calls * 9);
        let burst = calls / (seconds * 2);
        Self { interval: if interval < 1 { 1 } else { interval }, burst: if burst < 1 { 1 } else { burst } }
    }

    /// The turn of one more call, which is not to be made before `earliest`, and what is to be kept: the time by which all calls so far would have been
    /// made at the even pace. This is the generic cell rate algorithm (ITU-T I.371), which needs one number and no refilling.
    #[must_use]
    pub fn next(self, reserved_until: Timestamp, earliest: Timestamp) -> (Timestamp, Timestamp) {
        let base = reserved_until.max(earliest).as_millis();
        let at = Timestamp::from_millis(base - (self.burst - 1) * self.interval);
        (at.max(earliest), Timestamp::from_millis(base + self.interval))
    }
}

/// When a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// Then.
    At(Timestamp),
}

/// How many calls are left, where the other side says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Calls that are left.
    pub remaining: i64,
    /// Calls in all.
    pub limit: i64,
}

impl Quota {
    /// Whether it is worth writing down after `known`: it differs by a hundredth.
    #[must_use]
    pub fn is_news(self, known: Option<Self>) -> bool {
        known.is_none_or(|known| {
            known.limit != self.limit || (known.remaining - self.remaining).abs() * 100 >= self.limit.max(100)
        })
    }
}

/// What is known of something that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Making {
    /// Nothing was tried under this key.
    First,
    /// An earlier attempt began at that time, and what came of it is not known.
    Again(Timestamp),
    /// It was made.
    Done(Reference),
}

/// A record over there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its id over there.
    pub id: String,
    /// Where a person sees it, where that is known.
    pub url: Option<String>,
}

impl Reference {
    /// One without an address.
    #[must_use]
    pub fn of(id: impl Into<String>) -> Self {
        Self { id: id.into(), url: None }
    }
}

/// Remembers nothing: for whoever only plays what steps do, without another system at the other end.
#[derive(Debug, Clone, Copy)]
pub struct Forgetful;

fn nothing<'a>() -> Remembered<'a, ()> {
    Box::pin(ready(Ok(())))
}

impl Ledger for Forgetful {
    fn token(&self, _: IntegrationId) -> Remembered<'_, (i64, Option<Token>)> {
        Box::pin(ready(Ok((0, None))))
    }

    fn renewal_begin(
        &self,
        _: IntegrationId,
        generation: i64,
        now: Timestamp,
    ) -> Remembered<'_, Option<Renewal>> {
        Box::pin(ready(Ok(Some(Renewal { generation, until: now }))))
    }

    fn renewal_end(&self, _: IntegrationId, _: Renewal, _: Option<Token>) -> Remembered<'_, bool> {
        Box::pin(ready(Ok(true)))
    }

    fn turn<'a>(&'a self, _: IntegrationId, _: &'a str, _: Pace, _: Timestamp) -> Remembered<'a, Turn> {
        Box::pin(ready(Ok(Turn::Now)))
    }

    fn limited<'a>(&'a self, _: &'a Connection, _: Timestamp, _: &'a str) -> Remembered<'a, ()> {
        nothing()
    }

    fn answered<'a>(&'a self, _: &'a Connection, _: Option<Quota>) -> Remembered<'a, ()> {
        nothing()
    }

    fn shut_out<'a>(&'a self, _: &'a Connection, _: Standing, _: &'a str) -> Remembered<'a, ()> {
        nothing()
    }

    fn park(&self, _: IntegrationId) -> Remembered<'_, ()> {
        nothing()
    }

    fn making<'a>(&'a self, _: IntegrationId, _: &'a str, _: Timestamp) -> Remembered<'a, Making> {
        Box::pin(ready(Ok(Making::First)))
    }

    fn unmade<'a>(&'a self, _: IntegrationId, _: &'a str) -> Remembered<'a, ()> {
        nothing()
    }

    fn made<'a>(&'a self, _: IntegrationId, _: &'a str, _: &'a Reference) -> Remembered<'a, ()> {
        nothing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_at_the_pace_after_the_burst() {
        let start: Timestamp = "2026-02-14T10:30:00Z".parse().unwrap();
        let pace = Pace { interval: 100, burst: 3 };
        let mut until = Timestamp::EPOCH;
        let turns: Vec<i64> = (0..6)
            .map(|_| {
                let (at, next) = pace.next(until, start);
                until = next;
                at.millis_since(start)
            })
            .collect();
        assert_eq!(turns, [0, 0, 0, 100, 200, 300]);
        // After a silence there is the burst again, and no more than that.
        let later = Timestamp::from_millis(start.as_millis() + 60_000);
        let (at, next) = pace.next(until, later);
        assert_eq!((at, next.millis_since(later)), (later, 100));
        assert_eq!(Pace::per(190, 10), Pace { interval: 58, burst: 9 });
    }

    #[test]
    fn a_quota_is_news_when_it_moved_by_a_hundredth() {
        let quota = |remaining| Quota { remaining, limit: 10_000 };
        assert!(quota(9_000).is_news(None));
        assert!(!quota(8_901).is_news(Some(quota(9_000))) && quota(8_900).is_news(Some(quota(9_000))));
    }
}
