//! Users, sessions, keys, tenants and their settings, connections, templates.

use std::sync::{Arc, Mutex};

use model::{
    IntegrationId, Period, TenantId, UserId,
    settings::{Settings, Smtp, SmtpSecurity},
    template::Category,
    ticket::TicketPriority,
    user::Role,
};
use serde_json::{Map, Value, json};
use store::{
    StoreResult,
    api_key::{self, api_key_create, api_key_delete, api_key_update, api_key_used},
    demo::demo_mark,
    integration::{
        self, Integration, integration_create, integration_delete, integration_update, integration_used,
    },
    secret::SecretBox,
    session::{
        session_create, session_delete, session_delete_others, session_find, session_link_create,
        session_prolong, session_prune, session_redeem, session_switch,
    },
    template::{self, template_create, template_delete, template_update, template_used, templates_seed},
    tenant::{settings_put, tenant_create, tenant_rename},
    token::{Token, TokenHash},
    user::{Changes, NewAway, NewUser, user_create, user_password_set, user_remove, user_update},
};

use crate::{
    pair::{ADA, Pair, Side, change},
    random::{ONE, Random},
};

const ROLES: [Role; 3] = [Role::Viewer, Role::Editor, Role::Admin];

/// Where a side keeps a token that an operation gives it.
fn taken(side: &Side) -> Arc<Mutex<Option<Token>>> {
    Arc::clone(&side.taken)
}

/// The session that the side has at this place.
fn session_at(at: usize) -> impl Fn(&Side) -> TokenHash {
    move |side| hash_at(&side.sessions, at)
}

/// The hash of a token that the side was given; of another one when it was given none.
fn hash_at(tokens: &Mutex<Vec<Token>>, at: usize) -> TokenHash {
    let tokens = tokens.lock().unwrap();
    tokens.get(at % tokens.len().max(1)).map_or_else(|| Token::given("none").hash(), Token::hash)
}

impl Pair {
    pub async fn user_create(&mut self) {
        let (tenant, password) = (self.random.tenant(), self.password.clone());
        let random = &mut self.random;
        let new = NewUser {
            email: random.email(),
            name: random.sometimes(50, Random::text),
            role: *random.pick(&ROLES),
            time_zone: random.sometimes(30, Random::zone),
            password: random.sometimes(40, |_| password),
        };
        drop(change!(self, ("user_create", tenant, &new), |tx| user_create(tx, tenant, ADA, &new)));
    }

    pub async fn user_update(&mut self) {
        let tenant = self.random.tenant();
        let id = self.member(tenant).await;
        let current =
            self.number(format!("SELECT coalesce(max(version), 1) FROM users WHERE id = {id}")).await;
        let version = self.random.sometimes(20, |random| current + i64::from(random.percent(25)));
        let now = self.now();
        let random = &mut self.random;
        let changes = Changes {
            role: random.sometimes(50, |random| *random.pick(&ROLES)),
            name: random.sometimes(50, |random| random.sometimes(70, Random::text)),
            time_zone: random.sometimes(30, |random| random.sometimes(70, Random::zone)),
            away: random.sometimes(30, |random| {
                random.sometimes(70, |random| NewAway {
                    from: random.sometimes(50, |random| random.moment(now)),
                    until: random.sometimes(50, |random| random.moment(now)),
                })
            }),
        };
        drop(change!(self, ("user_update", id, &changes), |tx| user_update(
            tx, tenant, ADA, id, &changes, version
        )));
    }

    pub async fn user_remove(&mut self) {
        let tenant = self.random.tenant();
        let id = self.member(tenant).await;
        drop(change!(self, ("user_remove", id), |tx| user_remove(tx, tenant, id)));
    }

    pub async fn user_password_set(&mut self) {
        let (id, password) = (UserId::new(self.id("users").await), self.password.clone());
        drop(change!(self, ("user_password_set", id), |tx| user_password_set(tx, ADA, id, &password)));
    }

    pub async fn session_begin(&mut self) {
        let tenant = self.random.tenant();
        let user = self.member(tenant).await;
        let begun = self.change_each(("session_create", tenant, user), taken, move |tx, taken| {
            Box::pin(async move {
                *taken.lock().unwrap() = Some(session_create(tx, tenant, user).await?);
                Ok(())
            })
        });
        drop(begun.await);
        self.each(|side| side.sessions.lock().unwrap().extend(side.taken.lock().unwrap().take()));
    }

    pub async fn session_link(&mut self) {
        let tenant = self.random.tenant();
        let user = self.member(tenant).await;
        let made = self.change_each(("session_link_create", tenant, user), taken, move |tx, taken| {
            Box::pin(async move {
                *taken.lock().unwrap() = Some(session_link_create(tx, tenant, user).await?);
                Ok(())
            })
        });
        drop(made.await);
        self.each(|side| side.links.lock().unwrap().extend(side.taken.lock().unwrap().take()));
    }

    fn place_of_token(&mut self) -> usize {
        usize::try_from(self.random.below(1_000)).unwrap()
    }

    pub async fn session_redeem(&mut self) {
        let (at, now) = (self.place_of_token(), self.now());
        let own = |side: &Side| (hash_at(&side.links, at), taken(side));
        let redeemed = self.change_each(("session_redeem", at), own, move |tx, (hash, taken)| {
            Box::pin(async move {
                let Some((token, session)) = session_redeem(tx, hash).await? else { return Ok(None) };
                let found = session_find(tx, token.hash(), now).await?;
                *taken.lock().unwrap() = Some(token);
                Ok(Some((session, found)))
            })
        });
        drop(redeemed.await);
        self.each(|side| side.sessions.lock().unwrap().extend(side.taken.lock().unwrap().take()));
    }

    pub async fn session_prolong(&mut self) {
        let at = self.place_of_token();
        let prolonged = self.change_each(("session_prolong", at), session_at(at), |tx, hash| {
            Box::pin(async move { session_prolong(tx, hash).await })
        });
        drop(prolonged.await);
    }

    pub async fn session_switch(&mut self) {
        let (at, tenant) = (self.place_of_token(), self.random.tenant());
        let switched = self.change_each(("session_switch", at, tenant), session_at(at), move |tx, hash| {
            Box::pin(async move { session_switch(tx, hash, tenant).await })
        });
        drop(switched.await);
    }

    pub async fn session_end(&mut self) {
        let at = self.place_of_token();
        let ended = self.change_each(("session_delete", at), session_at(at), |tx, hash| {
            Box::pin(async move { session_delete(tx, hash).await })
        });
        drop(ended.await);
    }

    pub async fn session_end_others(&mut self) {
        let (at, user) = (self.place_of_token(), self.member(ONE).await);
        let ended = self.change_each(("session_delete_others", at, user), session_at(at), move |tx, keep| {
            Box::pin(async move { session_delete_others(tx, user, keep).await })
        });
        drop(ended.await);
    }

    pub async fn session_prune(&mut self) {
        drop(change!(self, "session_prune", |tx| session_prune(tx)));
    }

    fn key_fields(&mut self) -> api_key::Fields {
        let random = &mut self.random;
        api_key::Fields {
            name: random.text(),
            role: *random.pick(&ROLES),
            rate_limit: random.sometimes(50, |random| random.below(200)),
        }
    }

    pub async fn api_key_create(&mut self) {
        let (tenant, fields) = (self.random.tenant(), self.key_fields());
        let token = Token::given(format!("vtx_a-key-that-is-long-enough-to-show-{}", self.random.below(12)));
        drop(change!(self, ("api_key_create", tenant, &fields), |tx| {
            api_key_create(tx, tenant, ADA, &fields, &token)
        }));
    }

    pub async fn api_key_update(&mut self) {
        let (tenant, id, version) = self.record("api_keys").await;
        let fields = self.key_fields();
        drop(change!(self, ("api_key_update", id, &fields), |tx| {
            api_key_update(tx, tenant, ADA, id, &fields, version)
        }));
    }

    pub async fn api_key_delete(&mut self) {
        let (tenant, id, _) = self.record("api_keys").await;
        drop(change!(self, ("api_key_delete", id), |tx| api_key_delete(tx, tenant, id)));
    }

    pub async fn api_key_used(&mut self) {
        let (tenant, id, _) = self.record("api_keys").await;
        drop(change!(self, ("api_key_used", id), |tx| api_key_used(tx, tenant, id)));
    }

    pub async fn tenant_create(&mut self) {
        let name = self.random.text();
        drop(change!(self, ("tenant_create", &name), |tx| tenant_create(tx, ADA, &name)));
    }

    pub async fn tenant_rename(&mut self) {
        let (name, id) = (self.random.text(), TenantId::new(self.id("tenants").await));
        drop(change!(self, ("tenant_rename", id, &name), |tx| tenant_rename(tx, ADA, id, &name)));
    }

    pub async fn settings_put(&mut self) {
        let secrets = Arc::clone(&self.secrets);
        let id = TenantId::new(self.id("tenants").await);
        let current =
            self.number(format!("SELECT coalesce(max(version), 1) FROM tenants WHERE id = {id}")).await;
        let version = self.random.sometimes(20, |random| current + i64::from(random.percent(25)));
        let random = &mut self.random;
        let mut settings = Settings { time_zone: random.zone(), ..Settings::default() };
        settings.sender.name = random.sometimes(50, Random::text);
        settings.alerts.failure_rate_percent = *random.pick(&[0.0, 12.5, 100.0, 0.1]);
        settings.sla.due_in =
            random.sometimes(60, |_| (TicketPriority::High, Period::minutes(30))).into_iter().collect();
        settings.smtp = random.sometimes(60, |random| Smtp {
            host: "smtp.example.com".to_owned(),
            port: 587,
            security: SmtpSecurity::default(),
            username: Some("care".to_owned()),
            password: random.sometimes(50, Random::text),
        });
        drop(change!(self, ("settings_put", id, &settings), |tx| {
            settings_put(tx, id, ADA, settings, &secrets, version)
        }));
    }

    fn connection_fields(&mut self) -> integration::Fields {
        let random = &mut self.random;
        let token = random.text();
        integration::Fields {
            name: (*random.pick(&["crm", "CRM", "Helpdesk", "Größe"])).to_owned(),
            provider: (*random.pick(&["rest", "slack"])).to_owned(),
            config: random.object(),
            secrets: random
                .sometimes(50, |_| Map::from_iter([("token".to_owned(), token.into())]))
                .unwrap_or_default(),
        }
    }

    pub async fn integration_create(&mut self) {
        let (tenant, fields) = (self.random.tenant(), self.connection_fields());
        let (what, secrets) = (("integration_create", tenant, &fields), Arc::clone(&self.secrets));
        drop(change!(self, what, |tx| async move {
            opened(integration_create(tx, tenant, ADA, &fields, &secrets).await?, &secrets)
        }));
    }

    pub async fn integration_update(&mut self) {
        let (tenant, id, version) = self.record("integrations").await;
        let (fields, secrets) = (self.connection_fields(), Arc::clone(&self.secrets));
        drop(change!(self, ("integration_update", tenant, id, &fields), |tx| async move {
            opened(integration_update(tx, tenant, ADA, id, &fields, &secrets, version).await?, &secrets)
        }));
    }

    pub async fn integration_used(&mut self) {
        let (tenant, id, version) = self.record("integrations").await;
        let seen = (version.unwrap_or(1), integration::UNTRIED);
        let result = if self.random.percent(50) { Ok(()) } else { Err(self.random.text()) };
        drop(change!(self, ("integration_used", id, &result), |tx| integration_used(
            tx, tenant, id, seen, result
        )));
    }

    pub async fn integration_delete(&mut self) {
        let (tenant, id, _) = self.record("integrations").await;
        drop(change!(self, ("integration_delete", id), |tx| integration_delete(tx, tenant, id)));
    }

    fn template_content(&mut self) -> template::Content {
        let random = &mut self.random;
        template::Content {
            name: random.text(),
            description: random.sometimes(50, Random::text),
            category: random.sometimes(50, |random| *random.pick(&[Category::Sales, Category::Marketing])),
            use_case: random.sometimes(30, Random::text),
            icon: None,
            tags: random.tags(),
            variables: Vec::new(),
            sample_data: random.sometimes(30, |random| json!(random.object())),
            workflow_definition: json!({"name": random.text(), "actions": [random.document()]}),
        }
    }

    pub async fn template_create(&mut self) {
        let (tenant, content) = (self.random.tenant(), self.template_content());
        drop(change!(self, ("template_create", tenant, &content), |tx| template_create(
            tx, tenant, ADA, &content
        )));
    }

    pub async fn template_update(&mut self) {
        let (tenant, id, version) = self.record("workflow_templates").await;
        let content = self.template_content();
        drop(change!(self, ("template_update", id, &content), |tx| {
            template_update(tx, tenant, ADA, id, &content, version)
        }));
    }

    pub async fn template_used(&mut self) {
        let (tenant, id, _) = self.record("workflow_templates").await;
        drop(change!(self, ("template_used", id), |tx| template_used(tx, tenant, id)));
    }

    pub async fn template_delete(&mut self) {
        let (tenant, id, _) = self.record("workflow_templates").await;
        drop(change!(self, ("template_delete", id), |tx| template_delete(tx, tenant, id)));
    }

    /// What a start of the server writes.
    pub async fn facts(&mut self) {
        drop(change!(self, "templates_seed", |tx| templates_seed(tx)));
        drop(change!(self, "demo_mark", |tx| demo_mark(tx)));
    }
}

/// A connection with its secrets open: sealed ones are another each time.
pub type Opened = (IntegrationId, String, String, [Map<String, Value>; 2], String, Option<String>, i64);

/// Opens the secrets of a connection.
pub fn opened(integration: Integration, secrets: &SecretBox) -> StoreResult<Opened> {
    let open = integration.secrets(secrets)?;
    let Integration { id, name, provider, config, status, last_error, version, .. } = integration;
    Ok((id, name, provider, [config, open], status, last_error, version))
}
