//! What a request signs in with: what is stored, or a token that is kept, or a new one, which one caller at a time asks for.

use std::time::Duration;

use model::Period;

use super::{
    Access, Client,
    access::{Granted, granted},
};
use crate::{
    action::{ActionError, ErrorKind},
    ledger::{Renewal, Standing, Token},
};

/// How soon to look again while somebody else renews the token.
const RENEWING: Period = Period::seconds(1);
/// A token endpoint that takes longer is not answering. Well within the half minute for which nobody else asks: a refresh token may be good once.
const LONGEST_RENEWAL: Duration = Duration::from_secs(20);

pub(super) struct Credentials {
    pub(super) headers: Vec<(String, String)>,
    pub(super) instance: Option<String>,
    pub(super) generation: Option<i64>,
    pub(super) is_anonymous: bool,
}

impl Credentials {
    fn of(generation: i64, token: &Token) -> Self {
        let headers = vec![("Authorization".to_owned(), format!("Bearer {}", token.access))];
        Self { headers, instance: token.instance.clone(), generation: Some(generation), is_anonymous: false }
    }

    const fn stored(headers: Vec<(String, String)>, is_anonymous: bool) -> Self {
        Self { headers, instance: None, generation: None, is_anonymous }
    }
}

impl Client<'_> {
    /// What to sign in with; `refused` is the number of a token that was not let in.
    pub(super) async fn credentials(&self, refused: Option<i64>) -> Result<Credentials, ActionError> {
        match self.provider.access(self.connection)? {
            Access::Headers(headers) => {
                let is_anonymous = headers.is_empty();
                Ok(Credentials::stored(headers, is_anonymous))
            }
            Access::Address => Ok(Credentials::stored(Vec::new(), false)),
            Access::Token => self.token(refused).await,
        }
    }

    async fn token(&self, refused: Option<i64>) -> Result<Credentials, ActionError> {
        let (id, ledger, now) = (self.connection.id, self.cx.ledger, self.cx.now);
        let (generation, token) = ledger.token(id).await?;
        let usable = token.as_ref().filter(|_| refused != Some(generation));
        if let Some(token) = usable
            && now < token.renew_at
        {
            return Ok(Credentials::of(generation, token));
        }
        match ledger.renewal_begin(id, generation, now).await? {
            Some(renewal) => {
                let refresh = token.as_ref().and_then(|token| token.refresh.as_deref());
                self.renew(renewal, refresh).await
            }
            // Somebody else is at it; the old one is good to its end.
            None => match usable.filter(|token| now < token.ends_at) {
                Some(token) => Ok(Credentials::of(generation, token)),
                None => Err(self.renewing()),
            },
        }
    }

    async fn renew(&self, renewal: Renewal, refresh: Option<&str>) -> Result<Credentials, ActionError> {
        let (id, ledger, now) = (self.connection.id, self.cx.ledger, self.cx.now);
        let sent = async {
            let grant = self.provider.grant(self.connection, refresh, now)?;
            self.cx.http.send(grant.request(self.cx.timeout.min(LONGEST_RENEWAL))).await
        };
        let outcome = match sent.await {
            Ok(response) => granted(&response, refresh, now),
            // Nothing was asked for yet but the token.
            Err(error) => Granted::NotNow(ActionError { perhaps_done: false, ..error }),
        };
        match outcome {
            Granted::Token(token) => {
                let is_kept = ledger.renewal_end(id, renewal, Some((*token).clone())).await?;
                if is_kept {
                    Ok(Credentials::of(renewal.generation + 1, &token))
                } else {
                    Err(self.renewing())
                }
            }
            Granted::NotNow(error) => {
                ledger.renewal_end(id, renewal, None).await?;
                Err(error)
            }
            Granted::Refused(why) => {
                // Whoever was overtaken is refused because the other one has been given a new token.
                if !ledger.renewal_end(id, renewal, None).await? {
                    return Err(self.renewing());
                }
                ledger.shut_out(self.connection, Standing::Expired, &why).await?;
                Err(self.parked(&format!("is not given a token: {why}")).await?)
            }
        }
    }

    fn renewing(&self) -> ActionError {
        ActionError::new(ErrorKind::Paced, format!("{} is getting a new token", self.who())).after(RENEWING)
    }
}
