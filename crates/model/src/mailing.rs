//! Who may be written to: why a mail is sent, and why it is not.

use crate::{Actor, Period, SuppressionId, TenantId, Timestamp, named};

named! {
    /// Why a mail is sent.
    Purpose {
        /// The receiver has done something that it answers.
        Transactional = "transactional",
        /// It asks the receiver for something: only with consent, and with a way to have no more of it.
        Marketing = "marketing",
    }
}

named! {
    /// Why nothing is sent to an address any more.
    SuppressionReason {
        /// The receiver wants no more marketing.
        Unsubscribed = "unsubscribed",
        /// The receiver called a mail spam.
        Complained = "complained",
        /// A mail server said that there is no such mailbox.
        Bounced = "bounced",
        /// Somebody of the tenant said so.
        Manual = "manual",
    }
}

impl SuppressionReason {
    /// Whether it keeps a mail of this purpose from being sent. What a person has turned down is marketing; an address that takes no mail, or that
    /// somebody here has taken out, gets none at all.
    #[must_use]
    pub const fn stops(self, purpose: Purpose) -> bool {
        match self {
            Self::Bounced | Self::Manual => true,
            Self::Unsubscribed | Self::Complained => matches!(purpose, Purpose::Marketing),
        }
    }

    /// Of two reasons the one that stops more is kept.
    #[must_use]
    pub fn outweighs(self, other: Self) -> bool {
        self > other
    }
}

/// An address to which nothing is sent any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Unique over all tenants.
    pub id: SuppressionId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// In small letters, without a name.
    pub address: String,
    /// Why.
    pub reason: SuppressionReason,
    /// Where that was learnt, such as `unsubscribe_link` or `ses`.
    pub source: String,
    /// What else is known, such as the mail server's words.
    pub detail: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// When the record last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
}

/// Why a mail is not sent to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address is on the list.
    #[error("the address is on the suppression list ({0})")]
    Suppressed(SuppressionReason),
    /// Nobody is known who could have consented.
    #[error("no contact has this address, so nobody has consented to marketing")]
    NoContact,
    /// The contact has not said yes, or has taken it back.
    #[error("the contact has not consented to marketing: consents.marketing.status is not \"granted\"")]
    NoConsent,
    /// The contact has had enough mails of late.
    #[error(
        "the contact has had {mails} marketing mails within {period} already, which is the most that the settings allow"
    )]
    TooOften {
        /// How many are allowed.
        mails: u32,
        /// In this time.
        period: Period,
    },
}

impl Refusal {
    /// The word that programs and conditions see.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Suppressed(_) => "suppressed",
            Self::NoContact => "no_contact",
            Self::NoConsent => "no_consent",
            Self::TooOften { .. } => "too_often",
        }
    }
}

/// The address alone, in small letters: `Ann <Ann@Example.com>` is `ann@example.com`.
#[must_use]
pub fn bare_address(text: &str) -> String {
    let inner = match (text.rfind('<'), text.rfind('>')) {
        (Some(start), Some(end)) if start < end => &text[start + 1..end],
        _ => text,
    };
    inner.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{
        Purpose::{Marketing, Transactional},
        *,
    };

    #[test]
    fn what_a_person_turned_down_is_marketing() {
        let stopped: Vec<_> = SuppressionReason::ALL
            .iter()
            .map(|reason| (reason.stops(Transactional), reason.stops(Marketing)))
            .collect();
        assert_eq!(stopped, [(false, true), (false, true), (true, true), (true, true)]);
        assert!(SuppressionReason::Bounced.outweighs(SuppressionReason::Unsubscribed));
        assert!(!SuppressionReason::Unsubscribed.outweighs(SuppressionReason::Unsubscribed));
    }

    #[test]
    fn an_address_is_bare() {
        for text in ["Ann <Ann@Example.com>", " ann@example.com ", "\"A <b>\" <ann@example.com>"] {
            assert_eq!(bare_address(text), "ann@example.com", "{text}");
        }
    }
}
