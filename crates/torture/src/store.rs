//! Looking into the store from outside, with its own database's tools: nothing of the product's code is between.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Command,
};

/// A way to read.
#[derive(Debug, Clone)]
pub enum Store {
    /// With Python's standard library, which has SQLite in it.
    Sqlite(PathBuf),
    /// With psql, not through a proxy.
    Postgres {
        /// The program.
        psql: PathBuf,
        /// The database.
        url: String,
    },
}

const PYTHON: &str = "
import sqlite3, sys
connection = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True, timeout=10)
for row in connection.execute(sys.argv[2]):
    print('\\t'.join('' if cell is None else str(cell) for cell in row))
";

impl Store {
    /// Answers each row's cells to `each`, as they come: there may be millions.
    ///
    /// # Errors
    /// What the tool said.
    pub async fn each(&self, sql: &str, mut each: impl FnMut(&[&str])) -> Result<(), String> {
        let mut child = self
            .command(sql)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the store cannot be read: {error}"))?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err("the store cannot be read".to_owned());
        };
        let mut lines = BufReader::with_capacity(1 << 16, stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let cells: Vec<&str> = line.split('\t').collect();
            each(&cells);
        }
        let mut said = String::new();
        drop(stderr.read_to_string(&mut said).await);
        match child.wait().await {
            Ok(status) if status.success() => Ok(()),
            _ => Err(said.trim().to_owned()),
        }
    }

    /// All rows.
    ///
    /// # Errors
    /// What the tool said.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>, String> {
        let mut rows = Vec::new();
        self.each(sql, |cells| rows.push(cells.iter().map(ToString::to_string).collect())).await?;
        Ok(rows)
    }

    /// The first number of the first row.
    ///
    /// # Errors
    /// What the tool said.
    pub async fn number(&self, sql: &str) -> Result<i64, String> {
        let rows = self.rows(sql).await?;
        let cell = rows.first().and_then(|row| row.first());
        cell.and_then(|cell| cell.parse().ok()).ok_or_else(|| format!("{sql}: no number"))
    }

    fn command(&self, sql: &str) -> Command {
        match self {
            Self::Sqlite(path) => {
                let mut python = Command::new("python3");
                python.args(["-c", PYTHON]).arg::<&Path>(path).arg(sql);
                python
            }
            Self::Postgres { psql, url } => {
                let mut command = Command::new(psql);
                command
                    .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator=\t"])
                    .args(["--set", "ON_ERROR_STOP=1", "--variable", "FETCH_COUNT=10000", "--command", sql])
                    .arg(url)
                    .env("PGCONNECT_TIMEOUT", "5");
                command
            }
        }
    }
}
