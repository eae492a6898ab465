//! One SQL text for every database: what the tokens in it stand for.
//!
//! | token | SQLite | PostgreSQL | what for |
//! |---|---|---|---|
//! | `{id}` | `INTEGER` | `BIGINT` | ids and counts |
//! | `{json}` | `TEXT` | `JSONB` | a JSON document |
//! | `{time}` | `INTEGER` | `TIMESTAMPTZ` | an instant; SQLite keeps milliseconds since 1970 |
//! | `{bool}` | `INTEGER` | `BOOLEAN` | true or false |
//! | `{bytes}` | `BLOB` | `BYTEA` | bytes |
//! | `{clustered}` | `WITHOUT ROWID` | | a table kept in the order of its key |
//! | `{texts:tags}` | `tags` | `CAST(to_jsonb(tags) AS TEXT)` | a list of texts as the text of a JSON document, whichever type the column has |
//! | `{rows:bigint,text}` | `VALUES (?1, ?2)` | `SELECT * FROM unnest(…)` | the rows of [`super::Connection::execute_rows`], with their types |
//! | `{rows_to_join:bigint,text}` | as `{rows:…}` | the same, of unknown number | rows that others are looked for by: PostgreSQL would plan anew each time, for few seem cheaper than the ten that it expects of a plan to keep |
//! | `{now_plus:?2}` | `unixepoch(…) + …` | `clock_timestamp() + …` | the database's own time plus milliseconds: leases |
//! | `{among:?1}` | `IN (SELECT value FROM json_each(?1))` | `= ANY(?1)` | an id that is one of a list |
//! | `{for_update}` | | `FOR UPDATE` | rows that the transaction is going to change |
//! | `{for_no_key_update}` | | `FOR NO KEY UPDATE` | rows that the transaction decides by, while others may refer to them |
//! | `{kept}` | | | at the beginning: a reader keeps the plan, which is the same whatever is asked ([`super::postgres`]) |
//! | `{skip_locked}` | | `FOR UPDATE SKIP LOCKED` | rows that nobody else is taking |
//!
//! Parameters are written `?1`, `?2` …; text is searched with `instr`, which PostgreSQL calls `strpos`, and compared without
//! regard to case by `fold`, which PostgreSQL calls `lower`: SQLite's own `lower` knows only the letters a to z.

use std::borrow::Cow;

/// A database that texts are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The text that the database runs.
    #[must_use]
    pub(crate) fn text(self, text: &str) -> Cow<'_, str> {
        // Without parameters: a text holds nobody's data. A test takes down what each database was given.
        tracing::trace!(dialect = ?self, text);
        let with_tokens =
            if text.contains('{') { Cow::Owned(self.tokens(text)) } else { Cow::Borrowed(text) };
        match self {
            Self::Sqlite => with_tokens,
            Self::Postgres => {
                Cow::Owned(numbered(&with_tokens.replace("instr(", "strpos(").replace("fold(", "lower(")))
            }
        }
    }

    fn tokens(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 32);
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let (before, from) = rest.split_at(start);
            out.push_str(before);
            let Some(end) = from.find('}') else { break };
            match (self, &from[1..end]) {
                (Self::Sqlite, "id" | "time" | "bool") => out.push_str("INTEGER"),
                (Self::Sqlite, "json") => out.push_str("TEXT"),
                (Self::Sqlite, "bytes") => out.push_str("BLOB"),
                (Self::Sqlite, "clustered") => out.push_str("WITHOUT ROWID"),
                (Self::Postgres, "id") => out.push_str("BIGINT"),
                (Self::Postgres, "time") => out.push_str("TIMESTAMPTZ"),
                (Self::Postgres, "bool") => out.push_str("BOOLEAN"),
                (Self::Postgres, "json") => out.push_str("JSONB"),
                (Self::Postgres, "bytes") => out.push_str("BYTEA"),
                (Self::Postgres, "clustered")
                | (Self::Sqlite, "for_update" | "for_no_key_update" | "skip_locked")
                | (_, "kept") => {}
                (Self::Postgres, "for_update") => out.push_str("FOR UPDATE"),
                (Self::Postgres, "for_no_key_update") => out.push_str("FOR NO KEY UPDATE"),
                (Self::Postgres, "skip_locked") => out.push_str("FOR UPDATE SKIP LOCKED"),
                (_, token) => match token.split_once(':') {
                    Some(("rows", types)) => out.push_str(&self.rows(types, |first| first)),
                    Some(("rows_to_join", types)) => {
                        out.push_str(&self.rows(types, |first| format!("(SELECT {first})")));
                    }
                    Some(("among", list)) => out.push_str(&self.among(list)),
                    Some(("texts", column)) => match self {
                        Self::Sqlite => out.push_str(column),
                        Self::Postgres => out.push_str(&format!("CAST(to_jsonb({column}) AS TEXT)")),
                    },
                    Some(("now_plus", milliseconds)) => out.push_str(&self.now_plus(milliseconds)),
                    _ => out.push_str(&from[..=end]),
                },
            }
            rest = &from[end + 1..];
        }
        out.push_str(rest);
        out
    }

    fn now_plus(self, milliseconds: &str) -> String {
        match self {
            Self::Sqlite => format!("(CAST(unixepoch('subsec') * 1000 AS INTEGER) + {milliseconds})"),
            Self::Postgres => format!("(clock_timestamp() + {milliseconds} * INTERVAL '1 millisecond')"),
        }
    }

    fn among(self, list: &str) -> String {
        match self {
            Self::Sqlite => format!("IN (SELECT value FROM json_each({list}))"),
            Self::Postgres => format!("= ANY({list}::bigint[])"),
        }
    }

    fn rows(self, types: &str, first: impl Fn(String) -> String) -> String {
        let columns = types.split(',').enumerate().map(|(index, name)| match (self, index) {
            (Self::Sqlite, _) => format!("?{}", index + 1),
            (Self::Postgres, 0) => first(format!("?1::{}[]", type_name(name))),
            (Self::Postgres, _) => format!("?{}::{}[]", index + 1, type_name(name)),
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        match self {
            Self::Sqlite => format!("VALUES ({columns})"),
            Self::Postgres => format!("SELECT * FROM unnest({columns})"),
        }
    }
}

/// The type of a column of `{rows:…}` as PostgreSQL calls it.
fn type_name(name: &str) -> &str {
    match name.trim() {
        "time" => "timestamptz",
        "json" => "jsonb",
        name => name,
    }
}

/// `?1` as PostgreSQL writes it: `$1`.
fn numbered(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_parameter = character == '?' && characters.peek().is_some_and(char::is_ascii_digit);
        out.push(if is_parameter { '$' } else { character });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Dialect::{Postgres, Sqlite};

    #[test]
    fn one_text_becomes_what_each_database_understands() {
        let insert = "INSERT INTO t (a, b) {rows:bigint,json} ON CONFLICT DO NOTHING";
        assert_eq!(Sqlite.text(insert), "INSERT INTO t (a, b) VALUES (?1, ?2) ON CONFLICT DO NOTHING");
        assert_eq!(
            Postgres.text(insert),
            "INSERT INTO t (a, b) SELECT * FROM unnest($1::bigint[], $2::jsonb[]) ON CONFLICT DO NOTHING"
        );
        let join = "SELECT {rows_to_join:bigint,text}";
        assert_eq!(Postgres.text(join), "SELECT SELECT * FROM unnest((SELECT $1::bigint[]), $2::text[])");
        let table = "CREATE TABLE t (a {id}, b {json}, c {time}, d {other}, e {bytes}) {clustered}";
        assert_eq!(
            Sqlite.text(table),
            "CREATE TABLE t (a INTEGER, b TEXT, c INTEGER, d {other}, e BLOB) WITHOUT ROWID"
        );
        assert_eq!(
            Postgres.text(table),
            "CREATE TABLE t (a BIGINT, b JSONB, c TIMESTAMPTZ, d {other}, e BYTEA) "
        );
        let search = "SELECT a FROM t WHERE instr(fold(b), ?12) > 0";
        assert_eq!(Sqlite.text(search), search);
        assert_eq!(Postgres.text(search), "SELECT a FROM t WHERE strpos(lower(b), $12) > 0");
    }
}
