//! A contact: a person whose experience is followed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Actor, ContactId, TenantId, Timestamp, UserId,
    field::{self, Fields, Refused},
};

/// A person as stored and as events and templates see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Unique over all tenants.
    pub id: ContactId,
    /// The owner of the record.
    pub tenant_id: TenantId,
    /// Unique within the tenant when present, compared without case.
    pub email: Option<String>,
    /// The person's name.
    pub name: Option<String>,
    /// A phone number as typed.
    pub phone: Option<String>,
    /// The record's id in the customer's own system; unique within the tenant when present.
    pub external_id: Option<String>,
    /// The company the person works for.
    pub company: Option<String>,
    /// A name for the group the person belongs to (`detractor`, `vip`).
    pub segment: Option<String>,
    /// An IANA zone such as `Europe/Paris`.
    pub time_zone: Option<String>,
    /// A language tag such as `en` or `pt-BR`.
    pub language: Option<String>,
    /// The user who looks after this person.
    pub owner_id: Option<UserId>,
    /// Tag names.
    pub tags: Vec<String>,
    /// Consent by purpose, such as `{"marketing":{"status":"granted","at":"…"}}`.
    pub consents: Map<String, Value>,
    /// Everything else that is known.
    pub attributes: Map<String, Value>,
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
    /// When it was deleted; history still refers to it.
    pub archived_at: Option<Timestamp>,
}

impl Contact {
    /// An empty contact.
    #[must_use]
    pub fn new(id: ContactId, tenant_id: TenantId, now: Timestamp, by: Actor) -> Self {
        Self {
            id,
            tenant_id,
            email: None,
            name: None,
            phone: None,
            external_id: None,
            company: None,
            segment: None,
            time_zone: None,
            language: None,
            owner_id: None,
            tags: Vec::new(),
            consents: Map::new(),
            attributes: Map::new(),
            created_at: now,
            updated_at: now,
            created_by: Some(by),
            updated_by: Some(by),
            version: 1,
            archived_at: None,
        }
    }
}

impl Fields for Contact {
    fn set(&mut self, field: &str, value: &Value) -> Result<(), Refused> {
        match field {
            "email" => self.email = field::optional_email(value)?,
            "name" => self.name = field::optional_text(value, 255)?,
            "phone" => self.phone = field::optional_text(value, 64)?,
            "external_id" => self.external_id = field::optional_text(value, 255)?,
            "company" => self.company = field::optional_text(value, 255)?,
            "segment" => self.segment = field::optional_text(value, 100)?,
            "time_zone" => self.time_zone = crate::settings::optional_time_zone(value)?,
            "language" => self.language = field::optional_text(value, 35)?,
            "owner_id" => self.owner_id = field::optional_id(value)?,
            "tags" => self.tags = field::tags(value)?,
            "consents" => self.consents = field::object(value)?,
            "attributes" => self.attributes = field::object(value)?,
            "id" | "tenant_id" | "created_at" | "updated_at" | "created_by" | "updated_by" | "version"
            | "archived_at" => return Err(Refused::ReadOnly),
            _ => return Err(Refused::Unknown),
        }
        Ok(())
    }

    crate::field::changing! {
        email, name, phone, external_id, company, segment, time_zone, language, owner_id, tags, consents, attributes;
        not id, tenant_id, created_at, updated_at, created_by, updated_by, version, archived_at
    }

    fn attributes(&mut self) -> Option<&mut Map<String, Value>> {
        Some(&mut self.attributes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_update_is_whole_and_tells_what_changed() {
        let before = Contact::new(ContactId::new(7), TenantId::new(1), Timestamp::EPOCH, Actor::System);
        let updates = json!({"segment": "detractor", "last_nps_score": 3, "name": null});
        let contact = field::update(before.clone(), updates.as_object().unwrap()).unwrap();
        assert_eq!(before.difference(&contact).changed(), ["segment", "attributes"]);
        assert_eq!(contact.attributes["last_nps_score"], 3);

        let refused = json!({"segment": "vip", "email": "nobody", "id": 9, "time_zone": "Mars/Olympus"});
        let problems = field::update(contact, refused.as_object().unwrap()).unwrap_err();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "email: \"nobody\" is not an email address",
                "id: cannot be set",
                "time_zone: \"Mars/Olympus\" is not a time zone: an IANA name such as Europe/Paris is needed",
            ]
        );
    }
}
