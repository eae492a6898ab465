//! `vtrustx user`: the people of a tenant, and their way in.

use axum::http::Method;
use model::user::Role;
use serde_json::{Value, json};

use crate::{
    backend::{Backend, Target, encoded},
    error::{CommandError, Done},
    output::{cell, say, say_json, say_table, time_cell},
};

/// What to do with people.
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
    /// List the tenant's people
    List,
    /// Make someone a member of the tenant
    Create(Person),
    /// As create, unless they are a member already; prints a link by which they sign in once
    Invite(Person),
}

#[derive(Debug, clap::Args)]
struct Person {
    /// The person's address
    email: String,
    /// What they may do: viewer, editor or admin
    #[arg(long, default_value = "viewer", value_name = "ROLE")]
    role: Role,
    /// The person's name
    #[arg(long)]
    name: Option<String>,
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
        Action::List => {
            let users = backend.list("/api/users", None).await?;
            if json {
                say_json(&json!(users));
            } else {
                let rows = users.iter().map(|user| {
                    let since = time_cell(&user["created_at"]);
                    vec![
                        cell(&user["id"]),
                        cell(&user["email"]),
                        cell(&user["name"]),
                        cell(&user["role"]),
                        since,
                    ]
                });
                say_table(&["ID", "EMAIL", "NAME", "ROLE", "SINCE"], rows.collect(), "There are no users.");
            }
        }
        Action::Create(person) => {
            let user = create(backend, &person).await?;
            if json { say_json(&user) } else { say(format_args!("user {} is made", user["id"])) }
        }
        Action::Invite(person) => {
            let user = match find(backend, &person.email).await? {
                Some(user) => user,
                None => create(backend, &person).await?,
            };
            let path = format!("/api/users/{}/sign-in-link", user["id"]);
            let mut link = backend.change(Method::POST, &path, None).await?;
            // A server that does not know its public address leaves it out.
            if let Some(path) = link["url"].as_str().filter(|url| url.starts_with('/')) {
                link["url"] = format!("{}{path}", backend.base()).into();
            }
            if json { say_json(&link) } else { say(cell(&link["url"])) }
        }
    }
    Ok(())
}

async fn create(backend: &Backend, person: &Person) -> Done<Value> {
    let body = json!({"email": person.email, "name": person.name, "role": person.role});
    backend.change(Method::POST, "/api/users", Some(&body)).await
}

async fn find(backend: &Backend, email: &str) -> Result<Option<Value>, CommandError> {
    let users = backend.list(&format!("/api/users?q={}", encoded(email.trim())), None).await?;
    let same =
        |user: &Value| user["email"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(email.trim()));
    Ok(users.into_iter().find(same))
}
