//! Who the demo company is: its people, forms, contacts, its connection and its workflows.

use std::sync::Arc;

use actions::capability::Connection;
use engine::program::Program;
use model::{
    Actor, ContactId, FormId, Period, TenantId, Timestamp, UserId, settings::Sender, user::Role,
    workflow::Definition,
};
use serde_json::{Map, Value, json};
use store::{
    StoreError, StoreResult, Tx, api_key,
    contact::contact_create,
    demo::{DEMO_FORM, demo_is_alone, demo_mark},
    form::{self, form_create},
    integration::{self, integration_create},
    secret::SecretBox,
    tenant::{FIRST, settings_get, settings_put, tenant_count, tenant_create, tenant_get, tenant_rename},
    token::Token,
    user::{Hashed, NewUser, user_create},
    workflow::{NewWorkflow, workflow_create},
};

use super::random::Random;

/// Who signs in to the demo.
pub const ADMIN: &str = "maya@northwind-care.example";
/// The company's connection.
pub const HELPDESK: &str = "helpdesk";
const NAME: &str = "Northwind Care";
/// The zone whose days and nights the company keeps.
pub const ZONE: &str = "Europe/Amsterdam";

/// What the founding needs.
pub struct Founding {
    /// The end of the history.
    pub present: Timestamp,
    /// Of the administrator.
    pub password: Hashed,
    /// An administrator's key.
    pub key: Token,
    /// Seals the connection's secret.
    pub secrets: Arc<SecretBox>,
}

/// The company as it was founded.
pub struct Company {
    /// Whose everything is.
    pub tenant: TenantId,
    /// The administrator, an editor, a viewer.
    pub users: [UserId; 3],
    /// After support, after delivery, the contact form.
    pub forms: [FormId; 3],
    /// Fifty people.
    pub contacts: Vec<ContactId>,
    /// The active workflows.
    pub programs: Vec<Program>,
    /// How the helpdesk is reached.
    pub helpdesk: Connection,
    /// Who mails come from.
    pub sender: String,
}

/// Founds the company, some weeks before its history begins.
pub async fn found(tx: &mut Tx, founding: Founding) -> StoreResult<Company> {
    let Founding { present, password, key, secrets } = founding;
    tx.travel(present.minus(super::HISTORY).minus(Period::days(14)));
    let tenant = home(tx).await?;
    let users = people(tx, tenant, password).await?;
    let by = Actor::User(users[0]);
    let fields = api_key::Fields { name: "demo".to_owned(), role: Role::Admin, rate_limit: None };
    api_key::api_key_create(tx, tenant, by, &fields, &key).await?;
    let mut settings = settings_get(tx, tenant).await?.settings;
    ZONE.clone_into(&mut settings.time_zone);
    settings.sender =
        Sender { email: Some("care@northwind-care.example".to_owned()), name: Some(NAME.to_owned()) };
    settings_put(tx, tenant, by, settings, &secrets, None).await?;
    let forms = forms(tx, tenant, by).await?;
    let contacts = contacts(tx, tenant, users[1]).await?;
    let helpdesk = helpdesk(tx, tenant, by, &secrets).await?;
    let programs = workflows(tx, tenant, by, forms, users).await?;
    demo_mark(tx).await?;
    tx.travel(present);
    let sender = format!("{NAME} <care@northwind-care.example>");
    Ok(Company { tenant, users, forms, contacts, programs, helpdesk, sender })
}

/// The first tenant, when nobody uses it yet; else one of its own.
async fn home(tx: &mut Tx) -> StoreResult<TenantId> {
    if tenant_count(tx).await? == 0 {
        return tenant_create(tx, Actor::System, NAME).await.map(|tenant| tenant.id);
    }
    let is_free = tenant_get(tx, FIRST).await?.name == "default" && demo_is_alone(tx).await?;
    if is_free {
        tenant_rename(tx, Actor::System, FIRST, NAME).await.map(|tenant| tenant.id)
    } else {
        tenant_create(tx, Actor::System, NAME).await.map(|tenant| tenant.id)
    }
}

async fn people(tx: &mut Tx, tenant: TenantId, password: Hashed) -> StoreResult<[UserId; 3]> {
    let mut make = async |email: &str, name: &str, role, password| {
        let new = NewUser {
            email: email.to_owned(),
            name: Some(name.to_owned()),
            role,
            time_zone: Some(ZONE.to_owned()),
            password,
        };
        user_create(tx, tenant, Actor::System, &new).await.map(|user| user.id)
    };
    Ok([
        make(ADMIN, "Maya de Vries", Role::Admin, Some(password)).await?,
        make("jonas@northwind-care.example", "Jonas Weber", Role::Editor, None).await?,
        make("priya@northwind-care.example", "Priya Nair", Role::Viewer, None).await?,
    ])
}

async fn forms(tx: &mut Tx, tenant: TenantId, by: Actor) -> StoreResult<[FormId; 3]> {
    let mut make = async |form: Value, slug: &str, questions: Value| {
        let content = form::Content {
            fields: object(form)?,
            slug: Some(slug.to_owned()),
            questions: Some(read("a form's questions", questions)?),
        };
        form_create(tx, tenant, by, content).await.map(|form| form.id)
    };
    let person = [
        json!({"key": "q_name", "type": "text", "label": "Your name", "personal": true}),
        json!({"key": "q_email", "type": "email", "label": "Your email address", "personal": true}),
    ];
    let [name, email] = person.clone();
    let nps = make(
        json!({"name": "NPS after support", "description": "Thank you for talking to us. Two questions, half a minute.", "tags": ["nps"]}),
        DEMO_FORM,
        json!([
            {"key": "q_nps", "type": "nps", "label": "How likely are you to recommend Northwind Care to a colleague?"},
            {"key": "q_feedback", "type": "long_text", "label": "What is the main reason for your score?"},
            name, email,
        ]),
    )
    .await?;
    let csat = make(
        json!({"name": "Satisfaction with your delivery", "description": "How did it go?", "tags": ["csat"]}),
        "northwind-delivery",
        json!([
            {"key": "q_csat", "type": "csat", "label": "How satisfied are you with your delivery?", "required": true},
            {"key": "q_channel", "type": "single_choice", "label": "How did you order?", "options": ["Web shop", "Phone", "Account manager"]},
            {"key": "q_comment", "type": "long_text", "label": "Anything we should know?"},
        ]),
    )
    .await?;
    let [name, mut email] = person;
    email["required"] = json!(true);
    let contact = make(
        json!({"name": "Contact us", "description": "We answer within one working day.", "tags": ["contact"]}),
        "northwind-contact",
        json!([
            name, email,
            {"key": "q_topic", "type": "single_choice", "label": "What is it about?", "required": true,
             "options": ["An order", "An invoice", "A product", "Something else"]},
            {"key": "q_message", "type": "long_text", "label": "Your message", "required": true, "personal": true},
            {"key": "q_news", "type": "consent", "label": "Send me news about products, four times a year"},
        ]),
    )
    .await?;
    Ok([nps, csat, contact])
}

/// Name, domain, segment and time zone.
const COMPANIES: [(&str, &str, &str, &str); 10] = [
    ("Fjordline Logistics", "fjordline", "enterprise", "Europe/Oslo"),
    ("Brightwater Clinics", "brightwater", "enterprise", "Europe/London"),
    ("Halcyon Hotels", "halcyon", "mid-market", "Europe/Lisbon"),
    ("Kestrel Robotics", "kestrel", "mid-market", "Europe/Berlin"),
    ("Maple & Finch", "maplefinch", "small-business", "America/Toronto"),
    ("Sierra Outfitters", "sierra", "mid-market", "America/Denver"),
    ("Bluegum Foods", "bluegum", "small-business", "Australia/Sydney"),
    ("Sakura Print", "sakura", "small-business", "Asia/Tokyo"),
    ("Oranje Fietsen", "oranje", "small-business", "Europe/Amsterdam"),
    ("Lumière Optique", "lumiere", "enterprise", "Europe/Paris"),
];

/// Five for each company, in the companies' order.
const NAMES: [&str; 50] = [
    "Ingrid Solberg",
    "Lars Haugen",
    "Nora Dahl",
    "Henrik Lunde",
    "Sigrid Moen",
    "Oliver Hughes",
    "Grace Okafor",
    "Thomas Whitfield",
    "Aisha Rahman",
    "Eleanor Price",
    "Beatriz Carvalho",
    "Tiago Marques",
    "Inês Rocha",
    "Rui Figueira",
    "Marta Lopes",
    "Felix Brandt",
    "Lena Vogel",
    "Jürgen Kraus",
    "Mia Schubert",
    "Emre Yıldız",
    "Chloe Tremblay",
    "Ethan Campbell",
    "Sophie Gagnon",
    "Liam Fraser",
    "Priscilla Wong",
    "Daniel Ortega",
    "Hannah Brooks",
    "Marcus Reed",
    "Elena Vasquez",
    "Tyler Jensen",
    "Isla Thompson",
    "Noah Nguyen",
    "Ruby Campbell",
    "Jack Robertson",
    "Matilda Singh",
    "Haruka Tanaka",
    "Kenji Mori",
    "Yui Nakamura",
    "Daichi Sato",
    "Aoi Fujita",
    "Sanne Bakker",
    "Daan Visser",
    "Fleur Jansen",
    "Bram Mulder",
    "Lotte Smit",
    "Camille Laurent",
    "Julien Moreau",
    "Amélie Petit",
    "Hugo Bernard",
    "Léa Fontaine",
];

async fn contacts(tx: &mut Tx, tenant: TenantId, owner: UserId) -> StoreResult<Vec<ContactId>> {
    let mut random = Random::new(50);
    let begun = tx.now();
    let mut contacts = Vec::with_capacity(NAMES.len());
    for (at, name) in NAMES.iter().enumerate() {
        let (company, domain, segment, zone) = COMPANIES[at / 5];
        let local = name.to_lowercase().replace(' ', ".");
        let local: String = local.chars().map(plain).collect();
        let mut fields = object(json!({
            "name": name,
            "email": format!("{local}@{domain}.example"),
            "company": company,
            "segment": segment,
            "time_zone": zone,
            "language": language(zone),
            "external_id": format!("NW-{}", 1_001 + at),
            "tags": if random.percent(20) { json!(["vip"]) } else { json!([]) },
            "attributes": {"plan": segment, "orders": random.between(1, 60)},
        }))?;
        if random.percent(60) {
            fields.insert("phone".to_owned(), json!(format!("+31 20 555 {:04}", random.below(10_000))));
        }
        if random.percent(40) {
            fields.insert("owner_id".to_owned(), json!(owner));
        }
        // One after the other, over the two weeks before the history.
        tx.travel(begun.plus(Period::minutes(u32::try_from(at).unwrap_or(0) * 370)));
        contacts.push(contact_create(tx, tenant, Actor::System.into(), &fields).await?.id);
    }
    tx.travel(begun);
    Ok(contacts)
}

/// The letter without its accent, for an address.
fn plain(letter: char) -> char {
    match letter {
        'é' | 'è' | 'ê' => 'e',
        'ü' => 'u',
        'ı' => 'i',
        letter => letter,
    }
}

fn language(zone: &str) -> &'static str {
    match zone {
        "Europe/Oslo" => "nb",
        "Europe/Lisbon" => "pt",
        "Europe/Berlin" => "de",
        "Asia/Tokyo" => "ja",
        "Europe/Amsterdam" => "nl",
        "Europe/Paris" => "fr",
        _ => "en",
    }
}

async fn helpdesk(tx: &mut Tx, tenant: TenantId, by: Actor, secrets: &SecretBox) -> StoreResult<Connection> {
    // The top-level domain `example` is reserved: nobody is ever called.
    let config = object(json!({
        "baseUrl": "https://helpdesk.northwind-care.example/api",
        "auth": "bearer",
        "actions": {"open_case": {"method": "POST", "path": "/cases"}},
        "testPath": "/ping",
    }))?;
    let secret = object(json!({"token": "demo"}))?;
    let fields = integration::Fields {
        name: HELPDESK.to_owned(),
        provider: "rest".to_owned(),
        config,
        secrets: secret,
    };
    let made = integration_create(tx, tenant, by, &fields, secrets).await?;
    engine::ledger::connection_of(made, secrets)
}

async fn workflows(
    tx: &mut Tx,
    tenant: TenantId,
    by: Actor,
    [nps, csat, contact]: [FormId; 3],
    [lead, agent, _]: [UserId; 3],
) -> StoreResult<Vec<Program>> {
    let active = [
        (detractor(nps), "nps-detractor-follow-up"),
        (promoter(nps), "promoter-thank-you"),
        (unhappy_delivery(csat, lead, agent), "unhappy-delivery"),
    ];
    let mut programs = Vec::new();
    for (definition, key) in active {
        let id = make(tx, tenant, by, definition.clone(), key, true).await?;
        programs.push(Program::compile(id, 1, &definition).map_err(StoreError::Refused)?);
    }
    // One that nobody has dared to switch on yet.
    make(tx, tenant, by, contact_form(contact, agent), "contact-form-to-ticket", false).await?;
    Ok(programs)
}

async fn make(
    tx: &mut Tx,
    tenant: TenantId,
    by: Actor,
    definition: Definition,
    key: &str,
    is_active: bool,
) -> StoreResult<model::WorkflowId> {
    let new = NewWorkflow { key: Some(key.to_owned()), definition, is_draft: false, is_active };
    Ok(workflow_create(tx, tenant, by, new).await?.id)
}

/// Example 1 of the product's specification, for one form.
fn detractor(form: FormId) -> Definition {
    definition(
        "NPS Detractor Follow-up",
        "A score of 6 or below: a ticket for the team, a mail to the manager, a mark at the contact.",
        form,
        json!([{"logic": "AND"}, {"field": "submission.data.q_nps", "operator": "<=", "value": 6}]),
        json!([
            {
                "type": "create_ticket",
                "config": {
                    "title": "NPS Detractor: {{submission.data.q_name}}",
                    "description": "Customer gave NPS score of {{submission.data.q_nps}}. Feedback: {{submission.data.q_feedback}}",
                    "priority": "high",
                },
                "critical": true,
            },
            {
                "type": "send_email",
                "config": {
                    "to": "manager@northwind-care.example",
                    "subject": "NPS Alert: Detractor Response Received",
                    "body": "Detractor alert for {{submission.data.q_name}} (score: {{submission.data.q_nps}})",
                },
            },
            {
                "type": "update_contact",
                "config": {
                    "contactId": "{{submission.contactId}}",
                    "updates": {"segment": "detractor", "last_nps_score": "{{submission.data.q_nps}}"},
                },
            },
        ]),
    )
}

fn promoter(form: FormId) -> Definition {
    definition(
        "Promoter thank-you",
        "A score of 9 or 10 from somebody we know: thanks at once, an invitation to tell others three days later.",
        form,
        json!([
            {"logic": "AND"},
            {"field": "submission.data.q_nps", "operator": ">=", "value": 9},
            {"field": "contact.email", "operator": "is_not_empty"},
        ]),
        json!([
            {
                "type": "send_email",
                "name": "Say thank you",
                "config": {
                    "to": "{{contact.email}}",
                    "subject": "Thank you, {{contact.name}}!",
                    "body": "Hi {{contact.name}},\n\nwe are thrilled that you rated us {{submission.data.q_nps}}/10.\n\nYour friends at {{tenant.name}}",
                },
            },
            {"type": "add_tag", "config": {"entity": "contact", "entityId": "{{contact.id}}", "tag": "promoter"}},
            {"type": "delay", "name": "Three days", "config": {"duration": "3d"}},
            {
                "type": "send_email",
                "name": "Invite to recommend us",
                "config": {
                    "to": "{{contact.email}}",
                    "subject": "Would you tell a colleague about us?",
                    "body": "Hi {{contact.name}},\n\na few days ago you rated us {{submission.data.q_nps}}/10. If you know somebody at {{contact.company}} or elsewhere who could use our help, we would love an introduction.",
                },
            },
        ]),
    )
}

fn unhappy_delivery(form: FormId, lead: UserId, agent: UserId) -> Definition {
    definition(
        "Unhappy delivery",
        "Two stars or fewer, or a refund is asked for: a ticket, a note to the lead, a case at the helpdesk.",
        form,
        json!([
            {"logic": "OR"},
            {"field": "submission.data.q_csat", "operator": "<=", "value": 2},
            {"field": "submission.data.q_comment", "operator": "contains", "value": "refund"},
        ]),
        json!([
            {
                "type": "create_ticket",
                "config": {
                    "title": "Unhappy delivery: {{contact.company | default(\"unknown customer\")}}",
                    "description": "{{submission.data.q_csat}} of 5, ordered by {{submission.data.q_channel | default(\"?\")}}.\n{{submission.data.q_comment}}",
                    "assignee": agent,
                    "tags": ["delivery"],
                },
            },
            {
                "type": "send_notification",
                "config": {
                    "userId": lead,
                    "title": "Unhappy delivery",
                    "message": "{{contact.name | default(\"Somebody\")}} gave {{submission.data.q_csat}} of 5",
                    "type": "warning",
                },
            },
            {
                "type": "sync_integration",
                "name": "Open a case at the helpdesk",
                "config": {
                    "integration": HELPDESK,
                    "action": "open_case",
                    "payload": {"customer": "{{contact.external_id}}", "score": "{{submission.data.q_csat}}", "ticket": "{{steps.s1.output.ticketId}}"},
                },
                "critical": true,
            },
        ]),
    )
}

fn contact_form(form: FormId, agent: UserId) -> Definition {
    definition(
        "Contact form to ticket",
        "Every message becomes a ticket. Not switched on yet.",
        form,
        json!([]),
        json!([{
            "type": "create_ticket",
            "config": {"title": "{{submission.data.q_topic}}: {{submission.data.q_name}}", "description": "{{submission.data.q_message}}", "assignee": agent},
        }]),
    )
}

fn definition(name: &str, description: &str, form: FormId, conditions: Value, actions: Value) -> Definition {
    Definition {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        trigger_event: "submission_completed".to_owned(),
        trigger_config: Map::from_iter([("formId".to_owned(), json!(form))]),
        conditions,
        actions: rules::with_ids(&actions),
        log_unmatched: true,
        entry: model::workflow::EntryRules::default(),
        on_failure: Value::Null,
    }
}

fn object(value: Value) -> StoreResult<Map<String, Value>> {
    read("a record", value)
}

/// A literal of this file as the type that it is written for: a test founds the company, so it reads.
fn read<T: serde::de::DeserializeOwned>(what: &str, value: Value) -> StoreResult<T> {
    serde_json::from_value(value).map_err(|error| StoreError::Corrupt(format!("{what} of the demo: {error}")))
}
