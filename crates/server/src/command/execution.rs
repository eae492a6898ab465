//! `vtrustx execution`: what ran, and what to do about it.

use axum::http::Method;
use serde_json::{Value, json};

use super::workflow::id_of;
use crate::{
    backend::{Backend, Target, encoded},
    error::Done,
    output::{cell, say, say_json, say_table, time_cell},
};

/// What to do with executions.
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
    /// List executions, newest first
    List {
        /// Of this workflow: its key or number
        #[arg(long, value_name = "WORKFLOW")]
        workflow: Option<String>,
        /// In this state: pending, running, waiting, retrying, completed, failed, cancelled
        #[arg(long, value_name = "STATUS")]
        status: Option<model::ExecutionStatus>,
        /// Whose trigger data contains this text
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show one with its steps
    Show {
        /// Its number
        id: i64,
    },
    /// Run one that failed again, from the failed step
    Retry {
        /// Its number
        id: i64,
        /// From the start instead: completed steps run again too
        #[arg(long)]
        from_start: bool,
        /// On the definition as it is now instead of the one that ran
        #[arg(long)]
        current: bool,
    },
    /// End one that has not ended
    Cancel {
        /// Its number
        id: i64,
    },
}

/// Runs the subcommand.
pub async fn run(arguments: Arguments) -> Done {
    let backend = Backend::open(&arguments.target).await?;
    let done = act(&backend, arguments.action, arguments.target.json).await;
    backend.close().await;
    done
}

async fn act(backend: &Backend, action: Action, json: bool) -> Done {
    match action {
        Action::List { workflow, status, text, limit } => {
            let mut query = Vec::new();
            if let Some(workflow) = workflow {
                query.push(format!("workflowId={}", id_of(backend, &workflow).await?));
            }
            query.extend(status.map(|status| format!("status={status}")));
            query.extend(text.map(|text| format!("q={}", encoded(&text))));
            let path = format!("/api/workflow-executions?{}", query.join("&"));
            let executions = backend.list(path.trim_end_matches('?'), Some(limit.max(1))).await?;
            if json { say_json(&json!(executions)) } else { say_list(&executions) }
        }
        Action::Show { id } => {
            let execution = backend.get(&format!("/api/workflow-executions/{id}")).await?;
            if json { say_json(&execution) } else { say_one(&execution) }
        }
        Action::Retry { id, from_start, current } => {
            let from = if from_start { "start" } else { "failed_step" };
            let definition = if current { "current" } else { "original" };
            let body = json!({"from": from, "definition": definition});
            let path = format!("/api/workflow-executions/{id}/retry");
            let retry = backend.change(Method::POST, &path, Some(&body)).await?;
            if json {
                say_json(&retry);
            } else {
                let when = match backend {
                    Backend::Remote { .. } => "",
                    Backend::Direct { .. } => ", which runs when the server starts",
                };
                say(format_args!("execution {} retries {id}{when}", retry["newExecutionId"]));
            }
        }
        Action::Cancel { id } => {
            let path = format!("/api/workflow-executions/{id}/cancel");
            let cancelled = backend.change(Method::POST, &path, None).await?;
            if json { say_json(&cancelled) } else { say(format_args!("execution {id} is cancelled")) }
        }
    }
    Ok(())
}

fn say_list(executions: &[Value]) {
    let rows = executions.iter().map(|execution| {
        vec![
            cell(&execution["id"]),
            cell(&execution["workflow_name"]),
            cell(&execution["status"]),
            cell(&execution["outcome"]),
            time_cell(&execution["created_at"]),
            milliseconds(&execution["duration_ms"]),
            cell(&execution["error"]),
        ]
    });
    let headings = ["ID", "WORKFLOW", "STATUS", "OUTCOME", "CREATED", "TOOK", "ERROR"];
    say_table(&headings, rows.collect(), "There are no such executions.");
}

fn say_one(execution: &Value) {
    let line = |name: &str, value: String| {
        if !value.is_empty() {
            say(format_args!("{name:<12} {value}"));
        }
    };
    line("execution", cell(&execution["id"]));
    line("workflow", format!("{} ({})", cell(&execution["workflow_name"]), cell(&execution["workflow_id"])));
    line("event", cell(&execution["trigger_event"]));
    line("status", cell(&execution["status"]));
    line("outcome", cell(&execution["outcome"]));
    line("created", time_cell(&execution["created_at"]));
    line("took", milliseconds(&execution["duration_ms"]));
    line("retries", cell(&execution["retry_count"]));
    line("next retry", time_cell(&execution["next_retry_at"]));
    line("error", cell(&execution["error"]));
    say("");
    let logs = execution["logs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = logs.iter().map(|log| {
        vec![
            cell(&log["step_number"]),
            cell(&log["step_name"]),
            cell(&log["status"]),
            milliseconds(&log["duration_ms"]),
            shortened(&said(log)),
        ]
    });
    say_table(&["STEP", "NAME", "STATUS", "TOOK", "RESULT"], rows.collect(), "No step has run yet.");
}

/// What came of a step: why it failed, why conditions held or not, else its output.
fn said(log: &Value) -> String {
    let output = &log["output_data"];
    match (log["error"].as_str(), log["step_type"].as_str(), log["resume_at"].as_str()) {
        (Some(error), ..) => error.to_owned(),
        (None, Some("condition"), _) => {
            let verdict = if output["result"] == true { "met" } else { "not met" };
            let mut reasons = Vec::new();
            reasons_of(&output["conditions"], &mut reasons);
            if reasons.is_empty() { verdict.to_owned() } else { format!("{verdict}: {}", reasons.join("; ")) }
        }
        (None, _, Some(_)) => format!("until {}", time_cell(&log["resume_at"])),
        _ => cell(output),
    }
}

/// The reasons of conditions, and of those in groups.
fn reasons_of<'a>(conditions: &'a Value, reasons: &mut Vec<&'a str>) {
    for condition in conditions.as_array().into_iter().flatten() {
        reasons.extend(condition["reason"].as_str());
        reasons_of(&condition["conditions"], reasons);
    }
}

fn milliseconds(value: &Value) -> String {
    value.as_i64().map(|millis| format!("{millis} ms")).unwrap_or_default()
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 160;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
