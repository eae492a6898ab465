//! People who sign in, and the programs that call with a key.

use serde::{Deserialize, Serialize};

use crate::{Actor, ApiKeyId, TenantId, Timestamp, UserId, named};

named! {
    /// What someone may do within a tenant; each role may do all that the ones before it may.
    Role {
        /// Read.
        Viewer = "viewer",
        /// Change workflows and data, retry.
        Editor = "editor",
        /// Everything.
        Admin = "admin",
    }
}

/// A person as a member of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique over the installation; a person may be a member of several tenants.
    pub id: UserId,
    /// Unique over the installation, compared without case.
    pub email: String,
    /// The person's name.
    pub name: Option<String>,
    /// What the person may do in this tenant.
    pub role: Role,
    /// An IANA zone such as `Europe/Paris`.
    pub time_zone: Option<String>,
    /// From when to when the person is away from this tenant's work.
    pub away: Option<Away>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
}

/// When somebody is away: who is gets no ticket in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Away {
    /// Since when, or from when on.
    pub from: Timestamp,
    /// Until when; none: until they say otherwise.
    pub until: Option<Timestamp>,
}

/// A program's credentials; the key itself is shown once and kept only as a hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Unique over all tenants.
    pub id: ApiKeyId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// What it is used for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The first characters of the key, to tell keys apart.
    pub prefix: String,
    /// Requests per minute that it may make; none: no limit.
    pub rate_limit: Option<i64>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Actor>,
    /// Who last changed it.
    pub updated_by: Option<Actor>,
    /// Grows with each change.
    pub version: i64,
}

/// Someone whose credentials were accepted, and the tenant that they act in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The tenant of every query that follows.
    pub tenant: TenantId,
    /// Who it is.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
}
