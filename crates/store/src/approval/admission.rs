//! Who may decide an approval, and who is still asked: users, everyone with a role, addresses; nobody twice under two names.

use std::collections::BTreeSet;

use model::{
    Actor, ApiKeyId, TenantId, UserId,
    approval::{Approval, Approver},
    user::Role,
};

use super::Decider;
use crate::{
    Connection, StoreResult, params,
    user::{user_find, user_get},
};

/// Whether somebody may decide, and as whom it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// As this one.
    As(String),
    /// They are not asked.
    NotAsked,
    /// They are, but it is their own run.
    IsSelf,
}

/// Someone who decides, with what they are known by: looked up once, for as many approvals as there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// As whom it counts.
    who: String,
    actor: Option<Actor>,
    /// Of who is signed in, or has a key.
    role: Option<Role>,
    address: Option<String>,
}

impl Known {
    /// Looks somebody up.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(connection: &mut Connection, tenant: TenantId, decider: &Decider) -> StoreResult<Self> {
        match decider {
            Decider::Address(address) => {
                let person = person_of_address(connection, tenant, address).await?;
                let actor = match person {
                    Person::User(user) => Some(Actor::User(user)),
                    Person::ApiKey(_) | Person::Address(_) => None,
                };
                Ok(Self { who: person.to_string(), actor, role: None, address: Some(address.clone()) })
            }
            Decider::Identity(identity) => {
                let address = match identity.actor {
                    Actor::User(user) => Some(user_get(connection, tenant, user).await?.email),
                    _ => None,
                };
                let (who, actor) = (identity.actor.to_string(), Some(identity.actor));
                Ok(Self { who, actor, role: Some(identity.role), address })
            }
        }
    }

    /// Whether they may decide an approval. Pure.
    #[must_use]
    pub fn admission(&self, approval: &Approval) -> Admission {
        let is_asked = approval.approvers.iter().any(|approver| match approver {
            // Who only has a mail is asked by its address.
            Approver::User(user) => self.role.is_some() && self.actor == Some(Actor::User(*user)),
            Approver::Role(role) => self.role.is_some_and(|own| own >= *role),
            Approver::Email(named) => {
                self.address.as_ref().is_some_and(|address| named.eq_ignore_ascii_case(address))
            }
        });
        let is_self = self.actor.is_some_and(|actor| approval.selves.contains(&actor));
        match is_asked {
            false => Admission::NotAsked,
            true if is_self && !approval.allow_self => Admission::IsSelf,
            true => Admission::As(self.who.clone()),
        }
    }
}

/// Someone who can be told apart from others: a user, also when they are named by their address; a program by its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Person {
    User(UserId),
    ApiKey(ApiKeyId),
    Address(String),
}

impl Person {
    const fn actor(&self) -> Option<Actor> {
        match self {
            Self::User(id) => Some(Actor::User(*id)),
            Self::ApiKey(id) => Some(Actor::ApiKey(*id)),
            Self::Address(_) => None,
        }
    }
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => Actor::User(*id).fmt(f),
            Self::ApiKey(id) => Actor::ApiKey(*id).fmt(f),
            Self::Address(address) => f.write_str(address),
        }
    }
}

pub(super) async fn person_of_address(
    connection: &mut Connection,
    tenant: TenantId,
    address: &str,
) -> StoreResult<Person> {
    let user = user_find(connection, tenant, address).await?;
    Ok(user.map_or_else(|| Person::Address(address.to_lowercase()), |user| Person::User(user.id)))
}

/// Those whom an approval asks.
pub(super) struct People {
    /// Those who may still decide.
    pub(super) left: BTreeSet<Person>,
}

pub(super) async fn people(connection: &mut Connection, approval: &Approval) -> StoreResult<People> {
    let tenant = approval.tenant_id;
    let mut people = BTreeSet::new();
    let lowest = approval.approvers.iter().filter_map(|approver| match approver {
        Approver::Role(role) => Some(*role),
        Approver::User(_) | Approver::Email(_) => None,
    });
    if let Some(lowest) = lowest.min() {
        let sql = "SELECT user_id, role FROM memberships WHERE tenant_id = ?1 ORDER BY user_id";
        for row in connection.query(sql, params![tenant]).await? {
            let mut row = row.cells();
            let (user, role): (UserId, Role) = (row.take()?, row.take()?);
            if role >= lowest {
                people.insert(Person::User(user));
            }
        }
        // A key's role counts as a person's does (control-flow.md).
        let sql = "SELECT id, role FROM api_keys WHERE tenant_id = ?1 ORDER BY id";
        for row in connection.query(sql, params![tenant]).await? {
            let mut row = row.cells();
            let (key, role): (ApiKeyId, Role) = (row.take()?, row.take()?);
            if role >= lowest {
                people.insert(Person::ApiKey(key));
            }
        }
    }
    for approver in &approval.approvers {
        match approver {
            Approver::User(user) => {
                people.insert(Person::User(*user));
            }
            Approver::Email(address) => {
                people.insert(person_of_address(connection, tenant, address).await?);
            }
            Approver::Role(_) => {}
        }
    }
    let decided: BTreeSet<&str> = approval.decisions.iter().map(|decided| decided.by.as_str()).collect();
    people.retain(|person| !decided.contains(person.to_string().as_str()));
    if !approval.allow_self {
        people.retain(|person| person.actor().is_none_or(|actor| !approval.selves.contains(&actor)));
    }
    Ok(People { left: people })
}
