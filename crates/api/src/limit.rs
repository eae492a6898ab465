//! How often someone may ask: token buckets in memory, one for each API key that has a limit and one for each address that
//! calls something public.
//!
//! A bucket holds as much as one minute allows and fills up evenly. Each process counts for itself: with several nodes
//! the limit is that many times as high, which is enough against guessing and flooding.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use model::{ApiKeyId, Timestamp, WorkflowId};

use crate::{
    App,
    error::{ApiError, ApiResult},
};

/// Answers to public forms, from one address, in a minute. An office may share an address.
const FORMS: i64 = 60;
/// Attempts to sign in, from one address, in a minute: a person mistypes a few times, a program guesses thousands.
const SIGN_INS: i64 = 10;
/// Calls of incoming hooks, from one address, in a minute.
const HOOKS: i64 = 600;

/// Buckets that are kept; full ones are forgotten beyond that.
const MANY: usize = 10_000;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Key(ApiKeyId),
    SignIn(IpAddr),
    Form(IpAddr),
    Hook(IpAddr),
    HookOf(WorkflowId),
}

/// All buckets.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    buckets: Mutex<HashMap<Subject, Bucket>>,
}

const REQUEST: i64 = 60_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// In units of which one request takes [`REQUEST`]: then each millisecond adds exactly `per_minute` of them.
    level: i64,
    per_minute: i64,
    at: Timestamp,
}

impl Bucket {
    const fn full(per_minute: i64, now: Timestamp) -> Self {
        Self { level: per_minute * REQUEST, per_minute, at: now }
    }

    const fn is_full(&self) -> bool {
        self.level >= self.per_minute * REQUEST
    }

    fn fill(&mut self, now: Timestamp) {
        let gained = now.millis_since(self.at).saturating_mul(self.per_minute);
        self.level = self.level.saturating_add(gained).min(self.per_minute * REQUEST);
        self.at = now;
    }

    /// Takes one request out, or says how long until there is one.
    fn take(&mut self, now: Timestamp) -> Result<(), Duration> {
        self.fill(now);
        if self.level >= REQUEST {
            self.level -= REQUEST;
            return Ok(());
        }
        let missing = (REQUEST - self.level).unsigned_abs();
        Err(Duration::from_millis(missing.div_ceil(self.per_minute.unsigned_abs())))
    }
}

impl Buckets {
    /// One more request of `subject`.
    pub(crate) fn take(&self, subject: Subject, per_minute: i64, now: Timestamp) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MANY && !buckets.contains_key(&subject) {
            buckets.retain(|_, bucket| {
                bucket.fill(now);
                !bucket.is_full()
            });
        }
        let bucket = buckets.entry(subject).or_insert_with(|| Bucket::full(per_minute, now));
        if bucket.per_minute != per_minute {
            *bucket = Bucket::full(per_minute, now);
        }
        bucket.take(now)
    }
}

impl App {
    pub(crate) fn limit(&self, subject: Subject, per_minute: i64) -> ApiResult<()> {
        self.shared.buckets.take(subject, per_minute, self.store.now()).map_err(|after| {
            let seconds = after.as_millis().div_ceil(1_000);
            ApiError::too_many_requests(
                format!("only {per_minute} requests a minute are allowed here: try again in {seconds} s"),
                after,
            )
        })
    }
}

macro_rules! public {
    ($($(#[$doc:meta])* $name:ident: $subject:ident, $per_minute:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub IpAddr);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
                let address = client_of(parts);
                app.limit(Subject::$subject(network(address)), $per_minute)?;
                Ok(Self(address))
            }
        }
    )*};
}

public! {
    /// Someone who answers a public form; too often: 429.
    PublicForm: Form, FORMS;
    /// Someone who signs in; too often: 429.
    SignIn: SignIn, SIGN_INS;
    /// Someone who calls a hook; too often: 429.
    PublicHook: Hook, HOOKS;
}

/// Whose address counts. A connection from this very machine is a proxy's: then the last address that it added tells the
/// client. Whoever connects from elsewhere cannot pretend to be someone else.
fn client_of(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    match peer {
        Some(peer) if !peer.is_loopback() => peer,
        peer => forwarded(&parts.headers).or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
    }
}

/// Whoever has one address of IPv6 has the 2^64 beside it: they count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_one_ipv6_network_share_a_bucket() {
        for (address, counted) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(network(address).to_string(), counted, "{address}");
        }
    }

    #[test]
    fn a_bucket_gives_a_minute_s_worth_and_then_says_when() {
        let buckets = Buckets::default();
        let subject = Subject::Key(ApiKeyId::new(1));
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let mut answers: Vec<_> =
            (0..3).map(|_| buckets.take(subject, 2, at(0)).map_err(|after| after.as_secs())).collect();
        answers.push(buckets.take(subject, 2, at(29)).map_err(|after| after.as_secs()));
        answers.push(buckets.take(subject, 2, at(30)).map_err(|after| after.as_secs()));
        answers
            .push(buckets.take(Subject::Key(ApiKeyId::new(2)), 2, at(30)).map_err(|after| after.as_secs()));
        assert_eq!(answers, [Ok(()), Ok(()), Err(30), Err(1), Ok(()), Ok(())]);
    }
}
