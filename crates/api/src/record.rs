//! The shapes of records, in and out.
//!
//! What comes in says which fields were sent at all: `null` clears a field, one that is left out stays as it is ([`record_in`]).
//! What goes out is the stored record field by field, so that a field that is added to one and not to the other does not compile
//! ([`record_out`]).

use model::field::Refused;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult};

/// The fields that a body may have; each may be left out. `ignoring` names what comes back from a `GET` and is not read.
macro_rules! record_in {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }
        $(ignoring $($ignored:ident),*)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            $(
                $(#[$field_doc])*
                #[serde(default, deserialize_with = "crate::record::sent", skip_serializing_if = "Option::is_none")]
                #[schema(value_type = Option<$type>, required = false)]
                pub(crate) $field: Option<Option<$type>>,
            )*
            /// The version that the change was made for; another one stored answers 409.
            #[serde(default, skip_serializing)]
            pub(crate) version: Option<i64>,
            $($(
                #[serde(default, skip_serializing)]
                #[schema(ignore)]
                #[expect(dead_code, reason = "comes back with the record and is not read")]
                $ignored: serde::de::IgnoredAny,
            )*)?
        }

        impl crate::record::Sent for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];
        }
    };
}

/// A record as it goes out, made from the model's; with what every record has.
macro_rules! record_out {
    (
        $(#[$doc:meta])*
        $name:ident from $model:ty { $($(#[$field_doc:meta])* $field:ident: $type:ty as $schema:ty,)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            $(
                $(#[$field_doc])*
                #[schema(value_type = $schema)]
                pub(crate) $field: $type,
            )*
            /// When the record was made.
            #[schema(value_type = String, format = DateTime)]
            pub(crate) created_at: model::Timestamp,
            /// When it last changed.
            #[schema(value_type = String, format = DateTime)]
            pub(crate) updated_at: model::Timestamp,
            /// Who made it: `user:1`, `api_key:2`, `execution:3`, `public`, `system`.
            #[schema(value_type = Option<String>, example = "user:1")]
            pub(crate) created_by: Option<model::Actor>,
            /// Who last changed it.
            #[schema(value_type = Option<String>, example = "user:1")]
            pub(crate) updated_by: Option<model::Actor>,
            /// Grows with each change.
            pub(crate) version: i64,
        }

        impl From<$model> for $name {
            fn from(record: $model) -> Self {
                Self {
                    $($field: record.$field.into(),)*
                    created_at: record.created_at,
                    updated_at: record.updated_at,
                    created_by: record.created_by,
                    updated_by: record.updated_by,
                    version: record.version,
                }
            }
        }
    };
}

/// The schema of a closed list of names, taken from the list itself.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident of $model:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some(<$model>::ALL.iter().map(|value| value.as_str())))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

pub(crate) use {names, record_in, record_out};

/// Reads a field that is there: null is something that was sent.
pub(crate) fn sent<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A body of fields, as the store takes them.
pub(crate) trait Sent: Serialize {
    /// Every field that a record of this kind takes.
    const NAMES: &'static [&'static str];

    /// What was sent, for `PATCH`.
    fn for_patch(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }

    /// What a new record is made of: null is the same as nothing.
    fn for_create(&self) -> Map<String, Value> {
        let mut fields = self.for_patch();
        fields.retain(|_, value| !value.is_null());
        fields
    }

    /// Every field, for `PUT`: what was not sent becomes `defaults`, else nothing.
    fn for_put(&self, defaults: &[(&str, &str)]) -> Map<String, Value> {
        let mut fields = self.for_create();
        for name in Self::NAMES {
            let default = defaults.iter().find(|(field, _)| field == name);
            fields
                .entry(*name)
                .or_insert_with(|| default.map_or(Value::Null, |(_, value)| Value::from(*value)));
        }
        fields
    }
}

/// A checked field, or a 422 at its name.
pub(crate) fn checked<T>(field: &str, value: Result<T, Refused>) -> ApiResult<T> {
    value.map_err(|refused| ApiError::invalid(field, refused.to_string()))
}
