//! `vtrustx workflow`: workflows as files in a repository. A file finds its workflow by its key, so that applying the same files
//! again changes nothing.

mod apply;
mod calls;
mod file;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use crate::{
    backend::{Backend, Target, encoded},
    error::{CommandError, Done},
    output::{cell, progress, say, say_json, say_table, time_cell},
};

use file::WorkflowFile;

/// What to do with workflows.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the tenant's workflows
    List,
    /// Make the tenant's workflows as the files say: all of them or, when one has a problem, none. What is different is shown first
    Apply {
        /// JSON files, each with a workflow or a list of them; - is stdin
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        options: apply::Options,
    },
    /// Print workflows as `apply` takes them, without secrets
    Export {
        /// Keys or numbers of workflows; none: all
        #[arg(value_name = "WORKFLOW")]
        workflows: Vec<String>,
        /// Write a file for each, KEY.json, into this directory instead
        #[arg(long, value_name = "DIRECTORY")]
        output: Option<PathBuf>,
    },
    /// Say what is wrong with workflows in files; needs neither server nor store
    Validate {
        /// JSON files, each with a workflow or a list of them; - is stdin
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs the subcommand.
pub async fn run(arguments: Arguments) -> Done<ExitCode> {
    let Arguments { action, target } = arguments;
    if let Action::Validate { files } = &action {
        return validate(files, target.json).map(|()| ExitCode::SUCCESS);
    }
    // A file with a problem is told before a store is opened.
    let files = match &action {
        Action::Apply { files, .. } => sound(files)?,
        _ => Vec::new(),
    };
    let backend = Backend::open(&target).await?;
    let done = match action {
        Action::Apply { options, .. } => apply::run(&backend, &files, &options, target.json).await,
        Action::List => list(&backend, target.json).await.map(|()| ExitCode::SUCCESS),
        Action::Export { workflows, output } => {
            export(&backend, &workflows, output.as_deref()).await.map(|()| ExitCode::SUCCESS)
        }
        Action::Validate { .. } => Ok(ExitCode::SUCCESS),
    };
    backend.close().await;
    done
}

async fn list(backend: &Backend, json: bool) -> Done {
    let workflows = backend.list("/api/workflows", None).await?;
    if json {
        say_json(&json!(workflows));
        return Ok(());
    }
    let rows = workflows.iter().map(|workflow| {
        let state = match (workflow["published_version"].as_i64(), workflow["is_active"].as_bool()) {
            (Some(0), _) => "draft",
            (_, Some(true)) => "active",
            _ => "inactive",
        };
        vec![
            cell(&workflow["id"]),
            cell(&workflow["key"]),
            cell(&workflow["trigger_event"]),
            state.to_owned(),
            cell(&workflow["execution_count"]),
            cell(&workflow["failure_count"]),
            time_cell(&workflow["last_executed_at"]),
        ]
    });
    let headings = ["ID", "KEY", "EVENT", "STATE", "RUNS", "FAILED", "LAST RUN"];
    say_table(&headings, rows.collect(), "There are no workflows.");
    Ok(())
}

fn validate(paths: &[PathBuf], json: bool) -> Done {
    let files = file::read_all(paths)?;
    let problems: Vec<_> = files.iter().flat_map(WorkflowFile::problems).collect();
    if json {
        let list: Vec<Value> = problems
            .iter()
            .map(|(place, problem)| json!({"file": place, "path": problem.path, "message": problem.message}))
            .collect();
        say_json(&json!({"valid": list.is_empty(), "workflows": files.len(), "problems": list}));
    }
    if problems.is_empty() {
        if !json {
            say(format_args!("{} valid", counted(files.len())));
        }
        return Ok(());
    }
    Err(found(&problems))
}

/// The files' workflows, none of which has a problem.
fn sound(paths: &[PathBuf]) -> Done<Vec<WorkflowFile>> {
    let files = file::read_all(paths)?;
    let mut problems: Vec<_> = files.iter().flat_map(WorkflowFile::problems).collect();
    for (at, file) in files.iter().enumerate() {
        if let Some(earlier) = files[..at].iter().find(|earlier| earlier.key == file.key) {
            let message = format!("{:?} is the key of a workflow in {} too", file.key, earlier.place);
            problems.push((file.place.clone(), model::Problem::at("key", message)));
        }
    }
    if problems.is_empty() { Ok(files) } else { Err(found(&problems)) }
}

fn found(problems: &[(String, model::Problem)]) -> CommandError {
    let lines: String = problems.iter().map(|(place, problem)| format!("\n  {place}: {problem}")).collect();
    CommandError::said(format!("the files are not accepted; nothing was changed{lines}"))
}

async fn export(backend: &Backend, named: &[String], output: Option<&Path>) -> Done {
    let ids: Vec<Value> = if named.is_empty() {
        let mut ids: Vec<Value> =
            backend.list("/api/workflows", None).await?.iter().map(|w| w["id"].clone()).collect();
        ids.reverse();
        ids
    } else {
        let mut ids = Vec::with_capacity(named.len());
        for name in named {
            ids.push(id_of(backend, name).await?);
        }
        ids
    };
    let bar = progress("exporting", ids.len().try_into().unwrap_or(u64::MAX));
    let mut files = Vec::with_capacity(ids.len());
    for id in ids {
        files.push(backend.get(&format!("/api/workflows/{id}/export")).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let Some(directory) = output else {
        // One as it is, several as a list: `apply` takes both.
        match files.as_slice() {
            [only] => say_json(only),
            _ => say_json(&Value::Array(files)),
        }
        return Ok(());
    };
    fs::create_dir_all(directory).map_err(|error| CommandError::file(directory, error))?;
    for file in files {
        let path = directory.join(format!("{}.json", cell(&file["key"])));
        fs::write(&path, format!("{file:#}\n")).map_err(|error| CommandError::file(&path, error))?;
        say(path.display());
    }
    Ok(())
}

/// A workflow's number, from its number or its key.
pub async fn id_of(backend: &Backend, name: &str) -> Done<Value> {
    if let Ok(id) = name.parse::<model::WorkflowId>() {
        return Ok(json!(id));
    }
    let found = backend.list(&format!("/api/workflows?q={}", encoded(name)), None).await?;
    let same = found.into_iter().find(|workflow| workflow["key"] == name);
    same.map(|workflow| workflow["id"].clone()).ok_or_else(|| {
        CommandError::said(format!(
            "there is no workflow with the key {name:?}: `vtrustx workflow list` shows the keys"
        ))
    })
}

fn counted(number: usize) -> String {
    if number == 1 { "1 workflow is".to_owned() } else { format!("{number} workflows are") }
}
