//! `vtrustx tenant`: the customers of an installation. They are the operator's matter, so these commands open the store
//! itself; the API acts within one tenant and knows no other.

use std::sync::Arc;

use model::{Actor, settings::Tenant};
use serde_json::json;
use store::{
    Page, Store,
    tenant::{tenant_create, tenant_list},
};

use crate::{
    backend::Target,
    clock::SystemClock,
    error::{CommandError, Done},
    opening,
    output::{say, say_json, say_table},
};

/// What to do with tenants.
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
    /// List the tenants of the store
    List,
    /// Make a tenant and print its number
    Create {
        /// The company's name
        name: String,
    },
}

/// Runs the subcommand.
pub async fn run(arguments: Arguments) -> Done {
    let Arguments { action, target } = arguments;
    if target.is_remote() {
        return Err(CommandError::said(
            "tenants are managed on the store itself: leave out --url (or unset VTRUSTX_URL), and stop the server first when the \
             store is an SQLite file",
        ));
    }
    let config = target.config()?;
    opening::must_exist(&config)?;
    let store = opening::open(&config, Arc::new(SystemClock::default())).await?;
    let done = act(&store, action, target.json).await;
    store.close().await;
    done
}

async fn act(store: &Store, action: Action, json: bool) -> Done {
    match action {
        Action::List => {
            let tenants = all(store).await?;
            if json {
                say_json(&json!(tenants));
            } else {
                let rows = tenants.iter().map(|tenant| {
                    vec![tenant.id.to_string(), tenant.name.clone(), tenant.created_at.to_string()]
                });
                say_table(
                    &["ID", "NAME", "CREATED"],
                    rows.collect(),
                    "There are no tenants yet: `vtrustx serve` makes the first.",
                );
            }
        }
        Action::Create { name } => {
            let made = store
                .write(move |tx| Box::pin(async move { tenant_create(tx, Actor::System, &name).await }))
                .await?;
            if json { say_json(&json!(made)) } else { say(format_args!("tenant {} is made", made.id)) }
        }
    }
    Ok(())
}

/// Oldest first.
async fn all(store: &Store) -> Done<Vec<Tenant>> {
    let mut connection = store.read_any().await?;
    let mut page = Page::first(200);
    let mut tenants = Vec::new();
    loop {
        let paged = tenant_list(&mut connection, page).await?;
        tenants.extend(paged.rows);
        match paged.next {
            Some(next) => page.before = Some(next),
            None => break,
        }
    }
    tenants.reverse();
    Ok(tenants)
}
