//! A place for a store: every store test runs on each kind.

use crate::postgres::TestDatabase;

/// The name of an SQLite store's file in its folder.
pub(crate) const FILE: &str = "vtrustx.db";

/// Where a test's data is, until the test ends.
#[derive(Debug)]
pub enum Place {
    /// A file in a folder of its own.
    Sqlite(tempfile::TempDir),
    /// A database of its own.
    Postgres(TestDatabase),
}

impl Place {
    /// A file.
    ///
    /// # Panics
    /// When the temporary folder cannot be written.
    #[must_use]
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("the temporary folder can be written"))
    }

    /// A database on a server.
    #[must_use]
    pub fn postgres() -> Self {
        Self::Postgres(TestDatabase::new())
    }

    /// Of the kind that `VTRUSTX_TEST_STORE` names, `sqlite` or `postgres`; SQLite when it names none. Tests of what lies above the store take
    /// this one, and the test command runs them once for each kind.
    ///
    /// # Panics
    /// When the variable names something else.
    #[must_use]
    pub fn chosen() -> Self {
        match std::env::var("VTRUSTX_TEST_STORE").as_deref() {
            Err(std::env::VarError::NotPresent) | Ok("sqlite") => Self::sqlite(),
            Ok("postgres") => Self::postgres(),
            other => panic!("VTRUSTX_TEST_STORE is sqlite or postgres, not {other:?}"),
        }
    }

    /// Another place of the same kind.
    #[must_use]
    pub fn another(&self) -> Self {
        match self {
            Self::Sqlite(_) => Self::sqlite(),
            Self::Postgres(_) => Self::postgres(),
        }
    }

    /// The store's address, as the configuration has it.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join(FILE).display()),
            Self::Postgres(database) => database.url(),
        }
    }
}

/// Makes two tests of one: `on_both! { async fn name(place: Place) { … } }` runs on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($place:ident: Place) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$meta])*
            async fn body($place: $crate::place::Place) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                body($crate::place::Place::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                body($crate::place::Place::postgres()).await;
            }
        }
    )*};
}
