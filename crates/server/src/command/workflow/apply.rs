//! `vtrustx workflow apply`: makes a tenant's workflows as the files say. What would change is asked of the server and shown before anything
//! is done, so that the same plan is looked at and carried out.

use std::{
    collections::HashSet,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use axum::http::Method;
use serde_json::{Value, json};

use super::{calls, counted, file::WorkflowFile};
use crate::{
    backend::Backend,
    error::{CommandError, Done},
    output::{cell, note, progress, say, say_json, say_table},
};

/// Workflows of one request to `import`.
const AT_ONCE: usize = 200;
/// How a dry run with `--exit-code` ends when something would change. 1 is a failure, 2 a command line that is not understood.
const WOULD_CHANGE: u8 = 3;

/// How the files are applied.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: end with exit code 3 when something would change
    #[arg(long, requires = "dry_run")]
    exit_code: bool,
    /// Delete the tenant's workflows that are in none of the files and that none of them runs; their history stays
    #[arg(long)]
    prune: bool,
    /// Do not ask. Where nobody can be asked, only --prune needs it
    #[arg(long, short)]
    yes: bool,
}

/// Shows what is different, asks, and does it.
pub async fn run(backend: &Backend, files: &[WorkflowFile], options: &Options, json: bool) -> Done<ExitCode> {
    let applied = import(backend, files, true).await?;
    let (deleted, kept) = if options.prune { left_out(backend, files).await? } else { Default::default() };
    let plan = Plan { files: applied, deleted, kept };
    if !json {
        plan.show();
    }
    if options.dry_run {
        plan.tell(plan.files.clone(), json);
        if !json {
            say("(dry run: nothing was changed)");
        }
        let code = if options.exit_code && plan.changes() > 0 { WOULD_CHANGE } else { 0 };
        return Ok(ExitCode::from(code));
    }
    if plan.changes() > 0 {
        plan.consent(options.yes, json)?;
    }
    let applied = if plan.files_change() { import(backend, files, false).await? } else { plan.files.clone() };
    for workflow in &plan.deleted {
        match backend.change(Method::DELETE, &format!("/api/workflows/{}", workflow["id"]), None).await {
            // Somebody else was faster: it is as the files say.
            Err(CommandError::Refused { code, .. }) if code == "not_found" => {}
            done => drop(done?),
        }
    }
    plan.tell(applied, json);
    Ok(ExitCode::SUCCESS)
}

/// What is to be done.
struct Plan {
    /// What the import of each file's workflow would do.
    files: Vec<Value>,
    /// Workflows that go.
    deleted: Vec<Value>,
    /// Workflows that are in none of the files and stay: the files' workflows run them.
    kept: Vec<Value>,
}

impl Plan {
    fn files_change(&self) -> bool {
        self.files.iter().any(|one| one["status"] != "unchanged")
    }

    fn changes(&self) -> usize {
        self.files.iter().filter(|one| one["status"] != "unchanged").count() + self.deleted.len()
    }

    /// Every difference, workflow by workflow.
    fn show(&self) {
        for one in &self.files {
            let sign = match one["status"].as_str() {
                Some("created") => "+",
                Some("updated") => "~",
                _ => continue,
            };
            say(format_args!("{sign} {} ({})", cell(&one["key"]), cell(&one["name"])));
            for change in one["changes"].as_array().into_iter().flatten() {
                say(format_args!("    {}", cell(&change["message"])));
            }
        }
        for one in &self.deleted {
            say(format_args!("- {} ({})", cell(&one["key"]), cell(&one["name"])));
        }
        for one in &self.kept {
            say(format_args!(
                "= {} ({}) stays: a workflow of the files runs it",
                cell(&one["key"]),
                cell(&one["name"])
            ));
        }
        if self.changes() + self.kept.len() > 0 {
            say("");
        }
    }

    /// Asks whoever sits at the terminal. A script that gives files means them; what it does not give it may have forgotten.
    fn consent(&self, yes: bool, json: bool) -> Done {
        if yes {
            return Ok(());
        }
        if json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return match self.deleted.len() {
                0 => Ok(()),
                gone => Err(CommandError::said(format!(
                    "{} in none of the files and would be deleted; add --yes to mean it. Nothing was changed",
                    counted(gone)
                ))),
            };
        }
        let mut stderr = io::stderr().lock();
        let asked = write!(stderr, "Apply this? [y/N] ").and_then(|()| stderr.flush());
        drop((asked, stderr));
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        if read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        Err(CommandError::said("nothing was changed"))
    }

    /// What became, or would become, of each.
    fn tell(&self, files: Vec<Value>, json: bool) {
        let others = |list: &'_ [Value], status: &str| -> Vec<Value> {
            list.iter()
                .map(|one| json!({"id": one["id"], "key": one["key"], "name": one["name"], "status": status, "changes": []}))
                .collect()
        };
        let others = [others(&self.deleted, "deleted"), others(&self.kept, "kept")].concat();
        let all: Vec<Value> = files.into_iter().chain(others).collect();
        if json {
            return say_json(&json!(all));
        }
        let rows = all.iter().map(|one| vec![cell(&one["key"]), cell(&one["status"]), cell(&one["id"])]);
        say_table(&["KEY", "RESULT", "ID"], rows.collect(), "The files hold no workflow.");
    }
}

/// What became of each file's workflow, or would.
async fn import(backend: &Backend, files: &[WorkflowFile], dry_run: bool) -> Done<Vec<Value>> {
    let bar =
        progress(if dry_run { "comparing" } else { "applying" }, files.len().try_into().unwrap_or(u64::MAX));
    let mut imported = Vec::with_capacity(files.len());
    let named: Vec<_> = files.iter().map(|file| (file.key.as_str(), file.calls())).collect();
    for some in calls::together(&named, AT_ONCE) {
        let body = Value::Array(some.iter().map(|at| files[*at].body()).collect());
        let path = format!("/api/workflows/import?dryRun={dry_run}");
        let answer = match backend.change(Method::POST, &path, Some(&body)).await {
            Err(error) => {
                bar.finish_and_clear();
                if !imported.is_empty() && !dry_run {
                    note(format_args!(
                        "{} applied already; applying the same files again goes on",
                        counted(imported.len())
                    ));
                }
                return Err(error);
            }
            Ok(answer) => answer,
        };
        if let Value::Array(answers) = answer {
            bar.inc(answers.len().try_into().unwrap_or(u64::MAX));
            imported.extend(answers);
        }
    }
    bar.finish_and_clear();
    Ok(imported)
}

/// The tenant's workflows that no file holds: those that go, and those that the files' workflows run.
async fn left_out(backend: &Backend, files: &[WorkflowFile]) -> Done<(Vec<Value>, Vec<Value>)> {
    let stored = backend.list("/api/workflows", None).await?;
    let keys: HashSet<&str> = files.iter().map(|file| file.key.as_str()).collect();
    let callers: Vec<_> = files.iter().map(WorkflowFile::calls).collect();
    let called = calls::called(&callers, &stored);
    let key = |workflow: &Value| workflow["key"].as_str().unwrap_or_default().to_owned();
    let others = stored.into_iter().filter(|workflow| !keys.contains(key(workflow).as_str()));
    Ok(others.partition(|workflow| !called.contains(&key(workflow))))
}
