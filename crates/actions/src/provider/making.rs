//! Making something once in a system that knows no key of ours for it.
//!
//! A note under the step's key is put down right before the request goes out, and is taken back when it was surely not done. So a note that an attempt finds
//! means that nobody can tell what became of an earlier one; then it looks over there first, and takes for its own only what nothing else could be. Once
//! that is settled, the attempt is the first again.

use std::future::{Future, ready};

use model::{Period, Timestamp};
use serde_json::Value;

use super::{Client, Conflict, Exchange, Request, record};
use crate::{
    action::{ActionError, ErrorKind},
    ledger::{Making, Reference},
};

/// A search that finds nothing is believed so long after the attempt began: that one may have taken half of it, and searches know of what is new only after a while.
const KNOWN_AFTER: Period = Period::minutes(1);

impl Client<'_> {
    /// Makes something, and gives the step's output. `look` looks for what an attempt of unknown end may have made that began at that time; `request` makes it,
    /// in an attempt that begins at that time; `read` reads what was made from the answer.
    ///
    /// # Errors
    /// Why it was not made, or that nobody can tell.
    pub async fn make<Found>(
        &self,
        look: impl FnOnce(Timestamp) -> Found,
        request: impl FnOnce(Timestamp) -> Request,
        read: impl FnOnce(&Value) -> Result<Reference, ActionError>,
    ) -> Result<Value, ActionError>
    where
        Found: Future<Output = Result<Option<Reference>, ActionError>>,
    {
        // Whoever has to wait for the turn or for a token has not begun.
        self.take_turn().await?;
        self.credentials(None).await?;
        let (ledger, id, key, now) =
            (self.cx.ledger, self.connection.id, self.cx.idempotency_key, self.cx.now);
        match ledger.making(id, key, now).await? {
            Making::First => {}
            Making::Done(reference) => return Ok(record(&reference, false)),
            Making::Again(since) => {
                if let Some(reference) = look(since).await? {
                    return self.made(&reference, false).await;
                }
                // What an attempt before made would have been found: from here on there is only this one.
                ledger.unmade(id, key).await?;
                ledger.making(id, key, now).await?;
            }
        }
        let made = match self.send(request(now)).await {
            Ok(Exchange::Done(reply)) => read(&reply.body).map(|reference| (reference, true)),
            Ok(Exchange::Conflict(Conflict { existing: Some(id), .. })) => Ok((Reference::of(id), false)),
            Ok(Exchange::Conflict(Conflict { error, .. })) | Err(error) => Err(error),
        };
        match made {
            Ok((reference, created)) => self.made(&reference, created).await,
            Err(error) => {
                if !error.perhaps_done {
                    ledger.unmade(id, key).await?;
                }
                Err(error)
            }
        }
    }

    /// Posts what cannot be looked for: when nobody can tell whether an earlier attempt did, it is not posted again unless `repeats` asks for that.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub async fn post_once(
        &self,
        path: &str,
        message: Value,
        repeats: bool,
        read: impl FnOnce(&Value) -> Result<Reference, ActionError>,
    ) -> Result<Value, ActionError> {
        let look = |_| ready(if repeats { Ok(None) } else { Err(self.unsettled("")) });
        let request = Request::post(path, message);
        let request = if repeats { request } else { request.once() };
        self.make(look, |_| request, read).await
    }

    /// What a search found of what an attempt that began at `since` may have made.
    ///
    /// # Errors
    /// [`ErrorKind::Paced`] when it is too early to say that there is nothing; when there are several, and none is taken for ours.
    pub fn only<T>(&self, since: Timestamp, found: Vec<T>) -> Result<Option<T>, ActionError> {
        let mut found = found.into_iter();
        let (first, known_at) = (found.next(), since.plus(KNOWN_AFTER));
        match first {
            Some(_) if found.next().is_some() => Err(self.unsettled(": several records there fit")),
            None if self.cx.now < known_at => {
                let message =
                    format!("{} is asked a little later what an earlier attempt has done", self.who());
                let pause = Period::from_millis(known_at.millis_since(self.cx.now)).unwrap_or(KNOWN_AFTER);
                Err(ActionError::new(ErrorKind::Paced, message).after(pause))
            }
            first => Ok(first),
        }
    }

    /// That nobody can tell what became of an earlier attempt.
    pub(crate) fn unsettled(&self, why: &str) -> ActionError {
        let message = format!(
            "an earlier attempt may have done this through {}{why}; it is not done again, so look there",
            self.who()
        );
        ActionError::refused(message)
    }

    async fn made(&self, reference: &Reference, created: bool) -> Result<Value, ActionError> {
        self.cx.ledger.made(self.connection.id, self.cx.idempotency_key, reference).await?;
        Ok(record(reference, created))
    }
}
