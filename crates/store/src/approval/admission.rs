//! Who may decide an approval, and who is still asked: users, everyone with a role, addresses; nobody twice under two names.

use std::collections::BTreeSet;

use model::{
    Actor, TenantId, UserId,
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

/// Whether somebody may decide an approval.
///
/// # Errors
/// When the database refuses.
pub async fn approval_admits(
    connection: &mut Connection,
    approval: &Approval,
    decider: &Decider,
) -> StoreResult<Admission> {
    let tenant = approval.tenant_id;
    let is_named = |address: &str| {
        approval
            .approvers
            .iter()
            .any(|approver| matches!(approver, Approver::Email(named) if named.eq_ignore_ascii_case(address)))
    };
    let (is_asked, who, actor) = match decider {
        Decider::Address(address) => {
            let person = person_of_address(connection, tenant, address).await?;
            let actor = match person {
                Person::User(user) => Some(Actor::User(user)),
                Person::Address(_) => None,
            };
            (is_named(address), person.to_string(), actor)
        }
        Decider::Identity(identity) => {
            let by_role = approval
                .approvers
                .iter()
                .any(|approver| matches!(approver, Approver::Role(role) if identity.role >= *role));
            let by_name = match identity.actor {
                Actor::User(user) => {
                    approval.approvers.contains(&Approver::User(user))
                        || is_named(&user_get(connection, tenant, user).await?.email)
                }
                _ => false,
            };
            (by_role || by_name, identity.actor.to_string(), Some(identity.actor))
        }
    };
    Ok(match (is_asked, actor) {
        (false, _) => Admission::NotAsked,
        (true, Some(actor)) if !approval.allow_self && approval.selves.contains(&actor) => Admission::IsSelf,
        (true, _) => Admission::As(who),
    })
}

/// A person who can be told apart from others: a user, also when they are named by their address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Person {
    User(UserId),
    Address(String),
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => Actor::User(*id).fmt(f),
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

/// The people whom an approval asks.
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
        people.retain(|person| match person {
            Person::User(user) => !approval.selves.contains(&Actor::User(*user)),
            Person::Address(_) => true,
        });
    }
    Ok(People { left: people })
}
