//! What a transaction has put off, as one statement: `WITH … AS (INSERT …), … AS (UPDATE …) SELECT`.
//!
//! A statement costs a server some 30 µs before it has done anything: it is bound, begun, ended and answered, and each answer wakes this process. Parts of one statement do
//! not see what the others do, so no two of them are about the same table; what they refer to in each other's tables is looked for when all are done.

use super::super::{later::Work, sql::Dialect};

/// The work in pieces that can be one statement each, in its order.
pub(super) fn pieces<'w, 's>(mut work: &'w [Work<'s>]) -> Vec<&'w [Work<'s>]> {
    let mut pieces = Vec::new();
    while !work.is_empty() {
        let is_again = |place: &usize| work[..*place].iter().any(|before| before.table == work[*place].table);
        let end = (1..work.len()).find(is_again).unwrap_or(work.len());
        let (piece, rest) = work.split_at(end);
        pieces.push(piece);
        work = rest;
    }
    pieces
}

/// The text that stands for a piece where it is spoken of.
pub(super) fn first<'s>(piece: &[Work<'s>]) -> &'s str {
    piece.first().map_or("", |work| work.sql)
}

/// What the statement for a piece is known by: the text of the only one, or those of all.
pub(super) fn name(piece: &[Work<'_>]) -> String {
    piece.iter().map(|work| work.sql).collect::<Vec<_>>().join(";\n")
}

/// The statement for a piece. Its parameters are those of the parts, one after the other.
pub(super) fn text(piece: &[Work<'_>]) -> String {
    if let [work] = piece {
        return Dialect::Postgres.text(work.sql).into_owned();
    }
    let mut before = 0;
    let mut parts = Vec::with_capacity(piece.len());
    for (place, work) in piece.iter().enumerate() {
        let sql = moved(&Dialect::Postgres.text(work.sql), before);
        parts.push(format!("part_{place} AS ({sql})"));
        before += work.columns();
    }
    // PostgreSQL runs the last of them first, and what is locked first must be the same in every transaction.
    parts.reverse();
    format!("WITH {} SELECT", parts.join(",\n"))
}

/// The text with each of its parameters so many places further on.
fn moved(text: &str, by: usize) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        let digits =
            after.len() - after.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let (number, behind) = after.split_at(digits);
        out.push_str(before);
        out.push('$');
        match number.parse::<usize>() {
            Ok(number) => out.push_str(&(number + by).to_string()),
            Err(_) => out.push_str(number),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use testkit::postgres::TestDatabase;

    use super::*;
    use crate::{
        database::postgres::{Database, Role, config},
        params,
    };

    #[test]
    fn parts_about_different_tables_are_one_statement() {
        let work = |table, sql| Work { table, sql, rows: vec![params![1_i64, "one"]] };
        let all = [
            work("a", "INSERT INTO a (x, y) {rows:bigint,text}"),
            work(
                "b",
                "WITH gone (x, y) AS ({rows:bigint,text}) DELETE FROM b WHERE x IN (SELECT x FROM gone)",
            ),
            work("a", "UPDATE a SET y = ?2 WHERE x = ?1"),
        ];
        let texts: Vec<String> = pieces(&all).into_iter().map(text).collect();
        let both = "WITH part_1 AS (WITH gone (x, y) AS (SELECT * FROM unnest($3::bigint[], $4::text[])) DELETE FROM b WHERE x IN (SELECT x FROM gone)),\n\
                    part_0 AS (INSERT INTO a (x, y) SELECT * FROM unnest($1::bigint[], $2::text[])) SELECT";
        assert_eq!(texts, [both, "UPDATE a SET y = $2 WHERE x = $1"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_parts_of_a_statement_are_done_in_their_order() {
        let server = TestDatabase::new();
        let mut database = Database::open(&config(&server.url()).unwrap(), Role::Writer).await.unwrap();
        let tables = ["one", "two", "three"];
        database.batch("CREATE SEQUENCE turns").await.unwrap();
        for table in tables {
            let sql = format!("CREATE TABLE {table} (id BIGINT, turn BIGINT DEFAULT nextval('turns'))");
            database.batch(&sql).await.unwrap();
        }
        let texts = tables.map(|table| format!("INSERT INTO {table} (id) {{rows:bigint}}"));
        let work = [0, 1, 2].map(|place| Work {
            table: tables[place],
            sql: &texts[place],
            rows: vec![params![1_i64]],
        });
        database.execute_all(&work).await.unwrap();
        let turns = "SELECT one.turn || ', ' || two.turn || ', ' || three.turn FROM one, two, three";
        let rows = database.query(turns, &[]).await.unwrap();
        let turns: Vec<String> = rows.into_iter().map(|row| row.first().unwrap()).collect();
        assert_eq!(turns, ["1, 2, 3"]);
    }
}
