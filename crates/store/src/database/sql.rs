//! One SQL text for every database: what the tokens in it stand for.
//!
//! | token | SQLite | what for |
//! |---|---|---|
//! | `{id}` | `INTEGER` | ids and counts |
//! | `{json}` | `TEXT` | a JSON document |
//! | `{time}` | `INTEGER` | an instant, milliseconds since 1970 |
//! | `{bool}` | `INTEGER` | true or false |
//! | `{bytes}` | `BLOB` | bytes |
//! | `{clustered}` | `WITHOUT ROWID` | a table kept in the order of its key |
//! | `{rows:bigint,text}` | `VALUES (?1, ?2)` | the rows of [`super::Connection::execute_rows`], with their types |
//!
//! Parameters are written `?1`, `?2` …

use std::borrow::Cow;

/// The text that SQLite runs.
#[must_use]
pub(crate) fn for_sqlite(text: &str) -> Cow<'_, str> {
    if !text.contains('{') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let Some(end) = from.find('}') else {
            out.push_str(from);
            return Cow::Owned(out);
        };
        match &from[1..end] {
            "id" | "time" | "bool" => out.push_str("INTEGER"),
            "json" => out.push_str("TEXT"),
            "bytes" => out.push_str("BLOB"),
            "clustered" => out.push_str("WITHOUT ROWID"),
            token => match token.strip_prefix("rows:") {
                Some(types) => {
                    out.push_str("VALUES (");
                    for index in 1..=types.split(',').count() {
                        out.push_str(if index == 1 { "?" } else { ", ?" });
                        out.push_str(&index.to_string());
                    }
                    out.push(')');
                }
                None => out.push_str(&from[..=end]),
            },
        }
        rest = &from[end + 1..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_what_sqlite_understands() {
        assert_eq!(
            for_sqlite("INSERT INTO t (a, b) {rows:bigint,json}"),
            "INSERT INTO t (a, b) VALUES (?1, ?2)"
        );
        assert_eq!(
            for_sqlite("a {id}, b {json}, c {time}, d {other}"),
            "a INTEGER, b TEXT, c INTEGER, d {other}"
        );
    }
}
