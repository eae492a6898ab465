//! `vtrustx secrets rotate`: another key for everything that is sealed in the store.
//!
//! The keys are texts of the environment or files; the new one is made when none is given. The work is the store's own ([`store::secret::rotation`]); here the keys
//! are found, and the key file in the data directory changes places when all is done. A command that was interrupted is run again as it was.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;
use store::secret::{
    KEY_FILE, SecretBox,
    rotation::{Progress, Report, secrets_rotate},
};

use crate::{
    clock::SystemClock,
    config::{Config, Secret, ServeArguments},
    error::{CommandError, Done},
    opening,
    output::{note, progress, say, say_json},
};

/// What to do with the secrets of a store.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Seal every secret of all tenants with another key, while no server runs; run again, it goes on where it was interrupted
    ///
    /// The old key is VTRUSTX_OLD_SECRET_KEY, else --old-key-file, else secret.key in the data directory. The new one is VTRUSTX_SECRET_KEY, else
    /// --new-key-file, else one that is made and takes the place of secret.key; the old file is kept under its fingerprint, for older backups.
    Rotate(RotateArguments),
}

#[derive(Debug, clap::Args)]
struct RotateArguments {
    /// The file with the old key
    #[arg(long, value_name = "FILE")]
    old_key_file: Option<PathBuf>,

    /// The file with the new key
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,

    /// Read this file instead of vtrustx.toml in the working directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The store, as for `serve` [env: VTRUSTX_DATABASE or DATABASE_URL]
    #[arg(long, value_name = "URL")]
    database: Option<String>,

    /// The directory of the store and the key file, as for `serve` [env: VTRUSTX_DATA_DIR]
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<String>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// The environment variable of the key that goes.
const OLD_KEY: &str = "VTRUSTX_OLD_SECRET_KEY";

/// Runs the subcommand.
pub async fn run(arguments: Arguments) -> Done {
    let Action::Rotate(arguments) = arguments.action;
    let config = Config::load(&ServeArguments {
        config: arguments.config.clone(),
        database: arguments.database.clone(),
        data_dir: arguments.data_dir.clone(),
        ..ServeArguments::default()
    })?;
    opening::must_exist(&config)?;
    let own = config.data_dir.join(KEY_FILE);
    let old = old_key(&arguments, &own).await?;
    let (new, made) = new_key(&arguments, &config, &own).await?;
    let store = opening::open(&config, Arc::new(SystemClock::default())).await?;
    let bar = progress("sealing", 0);
    let mut tell = |progress: Progress| match progress {
        Progress::Begun(total) => bar.set_length(total),
        Progress::Done(rows) => bar.inc(rows),
    };
    let rotated = secrets_rotate(&store, (&old, &new), &mut tell).await;
    bar.finish_and_clear();
    store.close().await;
    let report = rotated.map_err(|error| CommandError::said(error.to_string()))?;
    let kept = change_places(&own, made.as_deref(), &old).await?;
    if arguments.json {
        say_json(
            &json!({"resealed": report.resealed, "doneBefore": report.done_before, "unreadable": report.unreadable,
            "fingerprint": new.fingerprint()}),
        );
        return Ok(());
    }
    told(&report, &new, made.is_some().then_some(own.as_path()), kept.as_deref());
    Ok(())
}

async fn old_key(arguments: &RotateArguments, own: &Path) -> Done<SecretBox> {
    if let Some(text) = std::env::var(OLD_KEY).ok().filter(|text| !text.trim().is_empty()) {
        return Ok(SecretBox::of_text(text).await?);
    }
    let path = arguments.old_key_file.clone().unwrap_or_else(|| own.to_owned());
    if !path.exists() {
        return Err(CommandError::said(format!(
            "there is no old key: set {OLD_KEY}, or name its file with --old-key-file ({} is not there)",
            path.display()
        )));
    }
    Ok(SecretBox::of_file(path, false).await?)
}

/// The new key, and its file when it was made here.
async fn new_key(
    arguments: &RotateArguments,
    config: &Config,
    own: &Path,
) -> Done<(SecretBox, Option<PathBuf>)> {
    if let Some(text) = config.secret_key.as_ref().map(Secret::expose) {
        return Ok((SecretBox::of_text(text.to_owned()).await?, None));
    }
    if let Some(path) = &arguments.new_key_file {
        return Ok((SecretBox::of_file(path.clone(), false).await?, None));
    }
    // Of an interrupted run it is there already.
    let made = own.with_extension("key.new");
    Ok((SecretBox::of_file(made.clone(), true).await?, Some(made)))
}

/// Puts the made key in the place of the old one, whose file is kept under its fingerprint: older backups open with it alone. A file that is not the old key's stays.
async fn change_places(own: &Path, made: Option<&Path>, old: &SecretBox) -> Done<Option<PathBuf>> {
    let failed = |error: std::io::Error| {
        CommandError::said(format!(
            "everything is sealed with the new key, and the key files could not change places: {error}"
        ))
    };
    let mut kept = None;
    if own.exists() && SecretBox::of_file(own.to_owned(), false).await?.fingerprint() == old.fingerprint() {
        let place = own.with_extension(format!("key.{}", old.fingerprint()));
        fs::rename(own, &place).map_err(failed)?;
        kept = Some(place);
    }
    if let Some(made) = made {
        fs::rename(made, own).map_err(failed)?;
    }
    Ok(kept)
}

fn told(report: &Report, new: &SecretBox, made: Option<&Path>, kept: Option<&Path>) {
    say(format_args!(
        "{} secrets are sealed with the new key (fingerprint {}); {} were before.",
        report.resealed,
        new.fingerprint(),
        report.done_before
    ));
    if let Some(made) = made {
        say(format_args!(
            "The new key is in {}: every node needs this file, and so does the backup.",
            made.display()
        ));
    }
    if let Some(kept) = kept {
        say(format_args!("The old key is kept in {}: backups made before need it.", kept.display()));
    }
    say(
        "Links in mails that asked for approvals do not open any more. The addresses of calls from outside stay; if the old key was seen by somebody, replace them (rotate-hook).",
    );
    for place in &report.unreadable {
        note(format_args!("{place} opens with neither key and stays as it is: enter that secret again"));
    }
}
