//! Every statement in the sources of the store is understood by both databases.
//!
//! The sources are scanned for literals that begin like a statement. One that stands for itself is prepared on both databases. One that
//! is put together (with `format!`) must have been given to both by the run of this binary, whose answers were good: its literal pieces are
//! looked for in the texts that the facade was given; so are the parts that are added to a statement under way. A new statement is
//! either seen here or named with its line; there is no list to forget.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Mutex,
};

use model::Timestamp;
use store::{Options, Store};
use testkit::{SimulatedClock, place::Place};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

const BEGINNINGS: &[&str] = &["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
/// What a part of a statement is handed to.
const JOINS: &[&str] = &[".and(", ".equal(", "also(", "push_str("];

/// Names that only one database has: a statement with one of them is its own.
const OWN_NAMES: &[(&str, &[&str])] = &[
    ("sqlite_", &["Sqlite"]),
    ("pg_", &["Postgres"]),
    ("commit_marks", &["Postgres"]),
    ("current_setting(", &["Postgres"]),
    ("current_database()", &["Postgres"]),
    ("to_regclass(", &["Postgres"]),
];
/// Where statements that are put together are run by other tests, on both databases.
const ELSEWHERE: &[&str] = &[
    // Of the names in a catalogue: the tests of moving.
    "copy/table.rs",
    // Without the facade: with every transaction, and at a lost answer of a commit.
    "database/postgres/transaction.rs",
    // With every start.
    "database/migrations.rs",
    // The engine's tests of partitions, which are PostgreSQL's alone.
    "partition.rs",
    "partition/retiring.rs",
    "planner.rs",
    // The tests of the doctor.
    "doctor/counts.rs",
];

/// What the facade was given, for each database.
static SEEN: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// Takes down what the facade is given from now on, in every thread.
pub fn listen() {
    // Of a second call, after a run that failed, the first one's goes on.
    drop(tracing::subscriber::set_global_default(Listener));
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "store::database::sql"
    }
    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        SEEN.lock().unwrap().insert((text.dialect, one_spaced(&text.sql)));
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Text {
    dialect: String,
    sql: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "text" {
            value.clone_into(&mut self.sql);
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "dialect" {
            self.dialect = format!("{value:?}");
        }
    }
}

/// A literal in the sources that begins like a statement.
#[derive(Debug)]
struct Literal {
    place: String,
    /// What stands for itself; several when something is put between them.
    pieces: Vec<String>,
    /// It is added to a statement.
    is_part: bool,
    /// The databases that are to understand it: all, but for what a database's own file says.
    dialects: &'static [&'static str],
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_understand_every_statement() {
    crate::run().await;
    let mut stores = Vec::new();
    for (dialect, place) in [("Sqlite", Place::sqlite()), ("Postgres", Place::postgres())] {
        let clock = std::sync::Arc::new(SimulatedClock::new(Timestamp::EPOCH));
        let options = Options { address: place.address().parse().unwrap(), clock, faults: None };
        stores.push((dialect, Store::open(options).await.unwrap(), place));
    }
    let literals = literals();
    assert!(literals.len() > 150, "{} statements: the scan does not find them", literals.len());
    let mut faults = Vec::new();
    for literal @ Literal { place, pieces, dialects, is_part } in &literals {
        for (dialect, store, _) in stores.iter().filter(|(dialect, ..)| dialects.contains(dialect)) {
            let prepare = async |text: &String| {
                let mut connection = store.read_any().await.unwrap();
                connection
                    .prepare(text.clone())
                    .await
                    .err()
                    .map(|error| format!("{place}: {dialect}: {error}"))
            };
            let (on_this, elsewhere) = seen(dialect, literal);
            match pieces.as_slice() {
                _ if on_this > 0 => {}
                [whole] if !is_part => faults.extend(prepare(whole).await),
                _ if ELSEWHERE.iter().any(|file| place.starts_with(file)) => {}
                _ if elsewhere.is_empty() => faults.push(format!(
                    "{place}: no operation of this test comes by this statement: let one do so: {pieces:?}"
                )),
                // One database is spared it; yet it understands it.
                _ => {
                    for text in &elsewhere {
                        faults.extend(prepare(text).await);
                    }
                }
            }
        }
    }
    faults.dedup();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// How many texts with these pieces the database was given, and those that another one was given.
fn seen(dialect: &str, literal: &Literal) -> (usize, Vec<String>) {
    let seen = SEEN.lock().unwrap();
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        seen.iter().filter(|(_, text)| fits(text, literal)).partition(|(of, _)| of == dialect);
    (here.len(), elsewhere.into_iter().map(|(_, text)| text.clone()).collect())
}

/// The pieces stand in the text one after the other, the first one of a statement at its start.
fn fits(text: &str, literal: &Literal) -> bool {
    let mut rest = text;
    literal.pieces.iter().enumerate().all(|(at, piece)| {
        let piece = one_spaced(piece);
        let found = rest.find(&piece).filter(|found| at > 0 || literal.is_part || *found == 0);
        rest = found.map_or(rest, |found| &rest[found + piece.len()..]);
        found.is_some()
    })
}

fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn literals() -> Vec<Literal> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    // What tokens stand for is a part of texts.
    files.retain(|file| !file.ends_with("database/sql.rs"));
    files.sort();
    files.iter().flat_map(|file| of_file(&root, file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn of_file(root: &Path, file: &Path) -> Vec<Literal> {
    let source = std::fs::read_to_string(file).unwrap();
    let name = file.strip_prefix(root).unwrap().display().to_string();
    let dialects: &[&str] = match name.as_str() {
        "database/postgres/transaction.rs" => &["Postgres"],
        "database/sqlite.rs" => &["Sqlite"],
        _ => &["Sqlite", "Postgres"],
    };
    // Unit tests stand at the end of a file.
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let literal = |(at, text): (usize, String)| {
        let before = source[..at].trim_end();
        let is_part = JOINS.iter().any(|join| before.trim_end_matches("&format!(").ends_with(join));
        let is_statement = BEGINNINGS.iter().any(|word| text.trim_start().starts_with(word));
        (is_part || is_statement).then(|| Literal {
            place: format!("{name}:{}", before.matches('\n').count() + 1),
            // `??` stands for the number of a parameter.
            pieces: if is_format(before) {
                pieces(&text)
            } else {
                text.split("??").map(str::to_owned).collect()
            },
            is_part,
            dialects: OWN_NAMES.iter().find(|(name, _)| text.contains(name)).map_or(dialects, |(_, own)| own),
        })
    };
    strings(source).into_iter().filter_map(literal).collect()
}

/// The literal that comes next is the text of a formatting macro.
fn is_format(before: &str) -> bool {
    let before = before.trim_end();
    before.ends_with("format!(") || before.rsplit('(').nth(1).is_some_and(|word| word.ends_with("write!"))
}

/// A format string without what is put into it: `a {b} c` is `a ` and ` c`.
fn pieces(format: &str) -> Vec<String> {
    let (open, close) = ("\u{1}", "\u{2}");
    let text = format.replace("{{", open).replace("}}", close);
    let mut pieces = vec![String::new()];
    let mut is_inside = false;
    for letter in text.chars() {
        match letter {
            '{' => {
                is_inside = true;
                pieces.push(String::new());
            }
            '}' => is_inside = false,
            letter if !is_inside => pieces.last_mut().expect("there is a first one").push(letter),
            _ => {}
        }
    }
    pieces.into_iter().map(|piece| piece.replace(open, "{").replace(close, "}")).collect()
}

/// The string literals of a source text with where they begin. Comments and characters are passed over.
fn strings(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letter) = source[at..].chars().next() {
        let rest = &source[at..];
        at += if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(marks) = rest.strip_prefix('r').and_then(raw_marks) {
            let end = format!("\"{marks}");
            let begin = 1 + end.len();
            let length = rest[begin..].find(&end).expect("a raw string ends");
            found.push((at, rest[begin..begin + length].to_owned()));
            begin + length + end.len()
        } else if letter == '"' {
            let length = closing(&rest[1..]);
            found.push((at, unescaped(&rest[1..=length])));
            length + 2
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\") {
            // A quote as a character would look like the start of a string.
            rest[2..].find('\'').expect("a character ends") + 3
        } else {
            letter.len_utf8()
        };
    }
    found
}

/// The `#`s between `r` and the quote of a raw string.
fn raw_marks(after: &str) -> Option<&str> {
    let marks = after.find('"').map(|quote| &after[..quote])?;
    marks.bytes().all(|mark| mark == b'#').then_some(marks)
}

fn closing(text: &str) -> usize {
    let mut is_escaped = false;
    let quote = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    quote.expect("a string ends")
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some('\n')) => while letters.next_if(|letter| letter.is_whitespace()).is_some() {},
            ('\\', Some('n')) => {
                letters.next();
                out.push('\n');
            }
            ('\\', Some(_)) => out.extend(letters.next()),
            (letter, _) => out.push(letter),
        }
    }
    out
}

#[test]
fn the_scan_reads_rust() {
    let source = r##"
        // "a comment"
        let quote = '"';
        f("SELECT \"a\" \
           FROM b", 'x', r#"raw "text""#);
        g(format!("WITH {a} AS {{token}} {b}"));
    "##;
    let found: Vec<String> = strings(source).into_iter().map(|(_, text)| text).collect();
    assert_eq!(found, ["SELECT \"a\" FROM b", "raw \"text\"", "WITH {a} AS {{token}} {b}"]);
    assert_eq!(pieces(&found[2]), ["WITH ", " AS {token} ", ""]);
    assert!(is_format("g(format!(") && is_format("write!(sql, ") && !is_format("f("));
}
