//! The demo: "Northwind Care", a small company with forms, contacts, three active workflows and a month of history.
//!
//! Nothing of the history is written by hand. The company *lives through* its month: answers to its forms come in over thirty
//! days of a clock that jumps from one happening to the next, and the engine's own rules decide what follows from each, with
//! the world outside played by [`outside`]. So rows, statistics, tickets and timers agree by construction, what is
//! unfinished at the end goes on in the real server, and the month is the same one for everybody: it comes from a fixed seed.

mod clock;
mod company;
mod life;
mod month;
mod outside;
mod random;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use model::{Clock, Period};
use store::{Store, demo::demo_is_seeded, token::Token, user::password_hash};

use crate::{
    clock::SystemClock,
    config::Config,
    error::{CommandError, Done},
    opening, output,
};

use clock::DemoClock;

/// How long the history is.
const HISTORY: Period = Period::days(30);
/// Where the demo's credentials are kept: in the data directory, readable by its owner.
const FILE: &str = "demo.env";

/// Whether the store has the demo already.
pub async fn is_seeded(store: &Store) -> Done<bool> {
    Ok(demo_is_seeded(&mut *store.read_any().await?).await?)
}

/// Founds the company and lets it live through its month, in one transaction.
pub async fn seed(config: &Config) -> Done {
    let begun = Instant::now();
    let present = SystemClock::default().now();
    let clock = Arc::new(DemoClock::new(present));
    let store = opening::open(config, clock.clone()).await?;
    let secrets = opening::secrets(config, &store).await?;
    let login = Login::random()?;
    // Before the store knows of them: a key that is in the store and nowhere else would be of no use.
    login.write(&file(config), &format!("http://{}", config.listen))?;
    let password = password_hash(login.password.clone()).await?;
    let founding = company::Founding {
        present,
        password,
        key: Token::given(login.key.as_str()),
        secrets: secrets.clone(),
    };
    let company = store.write(move |tx| Box::pin(company::found(tx, founding))).await?;

    let options = super::command::serve::engine_options(config)?;
    let retry = options.retry.clone();
    let runtime = tokio::runtime::Handle::current();
    let engine = engine::Engine::at_rest(store.clone(), secrets, options).await?;
    for program in &company.programs {
        engine.workflow_changed(company.tenant, program.workflow).await?;
    }
    let executions = store
        .write(move |tx| Box::pin(life::live(tx, life::Script { company, clock, retry, present, runtime })))
        .await?;
    engine.stop(std::time::Duration::ZERO).await;
    tracing::info!(executions, milliseconds = begun.elapsed().as_millis(), "the demo company is there");
    Ok(())
}

/// Tells how to get into the demo, at each start.
pub async fn greet(config: &Config, base: &str) -> Done {
    let path = file(config);
    let Some(login) = Login::read(&path) else { return Ok(()) };
    // The port may be another one than last time.
    login.write(&path, base)?;
    output::say(format_args!(
        "the demo company: sign in as {} with the password {}",
        company::ADMIN,
        login.password
    ));
    output::say(format_args!("for curl and the command line: . {}", path.display()));
    Ok(())
}

fn file(config: &Config) -> PathBuf {
    config.data_dir.join(FILE)
}

/// The way into the demo. Random, because a server with well-known credentials does not stay on its own machine.
struct Login {
    key: String,
    password: String,
}

impl Login {
    fn random() -> Done<Self> {
        let password: String =
            Token::random("")?.reveal().chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        Ok(Self { key: Token::random("vtx_")?.reveal().to_owned(), password })
    }

    fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
            line.map(|value| value.trim_matches('\'').to_owned())
        };
        Some(Self { key: value("VTRUSTX_API_KEY")?, password: value("DEMO_PASSWORD")? })
    }

    /// A file that a shell can read.
    fn write(&self, path: &Path, base: &str) -> Done {
        let text = format!(
            "# The way into the demo company. Written by `vtrustx serve --demo`.\n\
             export VTRUSTX_URL='{base}'\nexport VTRUSTX_API_KEY='{}'\nexport DEMO_EMAIL='{}'\nexport DEMO_PASSWORD='{}'\n",
            self.key,
            company::ADMIN,
            self.password
        );
        write_private(path, &text).map_err(|error| CommandError::file(path, error))
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}
