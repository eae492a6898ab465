//! A place for a store: every store test runs on each kind.

use std::path::Path;

use crate::postgres::{TestDatabase, psql};

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
    /// A file; in memory where the system has a folder for that. As the tests' cluster does without fsync: that makes tests quick, and changes nothing that killing a process
    /// could show.
    ///
    /// # Panics
    /// When the temporary folder cannot be written.
    #[must_use]
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self::Sqlite(folder.expect("the temporary folder can be written"))
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

/// What a place held when nobody used it, to be put back as often as needed: for tests that begin again and again, and want to end each time the same.
#[derive(Debug)]
pub enum Kept {
    /// The file.
    Sqlite(Vec<u8>),
    /// A second copy of every table, in a schema of its own.
    Postgres,
}

/// Runs a text for every table of the store, `%1$I`.
fn each_table(database: &TestDatabase, before: &str, each: &str) {
    let text = format!(
        "{before}; DO $$ DECLARE name text; BEGIN
           FOR name IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition LOOP
             EXECUTE format('{each}', name);
           END LOOP; END $$"
    );
    psql(&database.url(), &text).unwrap_or_else(|complaint| panic!("{text}: {complaint}"));
}

impl Kept {
    /// Keeps what a place holds. Nobody uses it at this moment.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn of(place: &Place) -> Self {
        match place {
            Place::Sqlite(folder) => {
                Self::Sqlite(std::fs::read(folder.path().join(FILE)).expect("the store's file can be read"))
            }
            Place::Postgres(database) => {
                each_table(database, "CREATE SCHEMA kept", "CREATE TABLE kept.%1$I AS TABLE public.%1$I");
                Self::Postgres
            }
        }
    }

    /// Puts it back into the place that it is of, whatever that holds by now. Nobody uses it at this moment; who was killed while he did is not asked.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn put_back(&self, place: &Place) {
        match (self, place) {
            (Self::Sqlite(kept), Place::Sqlite(folder)) => put_file(folder.path(), kept),
            (Self::Postgres, Place::Postgres(database)) => {
                // Without triggers: what those would write is among what is kept.
                let alone = "SET session_replication_role = replica";
                each_table(
                    database,
                    alone,
                    "DELETE FROM public.%1$I; INSERT INTO public.%1$I SELECT * FROM kept.%1$I",
                );
            }
            _ => panic!("what is kept is of another kind of place"),
        }
    }
}

/// As a new file: one that somebody still has open is his.
fn put_file(folder: &Path, content: &[u8]) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        std::fs::remove_file(entry.expect("the folder can be read").path())
            .expect("its files can be removed");
    }
    std::fs::write(folder.join(FILE), content).expect("the folder can be written");
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
                // A database of PostgreSQL's brings its own.
                let _patience = $crate::patience::Patience::begin();
                body($crate::place::Place::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                body($crate::place::Place::postgres()).await;
            }
        }
    )*};
}
