//! `vtrustx api-key`: programs' credentials.

use axum::http::Method;
use model::user::Role;
use serde_json::json;

use crate::{
    backend::{Backend, Target},
    error::Done,
    output::{cell, say, say_json, say_table, time_cell},
};

/// What to do with keys.
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
    /// Make a key and print it; it is not shown again
    Create {
        /// What it may do: viewer, editor or admin
        #[arg(long, value_name = "ROLE")]
        role: Role,
        /// What it is used for
        #[arg(long, default_value = "made at the command line")]
        name: String,
        /// Requests per minute that it may make [default: no limit]
        #[arg(long, value_name = "N")]
        rate_limit: Option<i64>,
    },
    /// List the keys; the keys themselves are not stored
    List,
    /// Delete a key: programs that still use it are refused
    Revoke {
        /// As `list` shows it
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
        Action::Create { role, name, rate_limit } => {
            let body = json!({"name": name, "role": role, "rate_limit": rate_limit});
            let made = backend.change(Method::POST, "/api/api-keys", Some(&body)).await?;
            if json { say_json(&made) } else { say(cell(&made["key"])) }
        }
        Action::List => {
            let keys = backend.list("/api/api-keys", None).await?;
            if json {
                say_json(&json!(keys));
            } else {
                let rows = keys.iter().map(|key| {
                    let prefix = format!("{}…", cell(&key["prefix"]));
                    let used = time_cell(&key["last_used_at"]);
                    vec![cell(&key["id"]), cell(&key["name"]), cell(&key["role"]), prefix, used]
                });
                say_table(&["ID", "NAME", "ROLE", "KEY", "LAST USED"], rows.collect(), "There are no keys.");
            }
        }
        Action::Revoke { id } => {
            let done = backend.change(Method::DELETE, &format!("/api/api-keys/{id}"), None).await?;
            if json { say_json(&done) } else { say(format_args!("key {id} is revoked")) }
        }
    }
    Ok(())
}
