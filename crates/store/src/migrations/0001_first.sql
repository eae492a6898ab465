-- The first migration: everything Phase 1 needs. Tables, columns and index names of the seed are kept.

CREATE TABLE id_blocks (
    kind TEXT PRIMARY KEY,
    next_id {id} NOT NULL
);

CREATE TABLE tenants (
    id {id} PRIMARY KEY,
    name TEXT NOT NULL,
    settings {json} NOT NULL,
    smtp_password {bytes},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);

CREATE TABLE users (
    id {id} PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT,
    time_zone TEXT,
    password_hash TEXT,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE UNIQUE INDEX idx_users_email ON users(lower(email));

CREATE TABLE memberships (
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    user_id {id} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at {time} NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) {clustered};
CREATE INDEX idx_memberships_user ON memberships(user_id);

-- Sessions, one-time links: the token itself is never stored.
CREATE TABLE sessions (
    token_hash {bytes} PRIMARY KEY,
    user_id {id} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    purpose TEXT NOT NULL,
    created_at {time} NOT NULL,
    expires_at {time} NOT NULL
) {clustered};
CREATE INDEX idx_sessions_user ON sessions(user_id);
CREATE INDEX idx_sessions_expires_at ON sessions(expires_at);

CREATE TABLE api_keys (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    prefix TEXT NOT NULL,
    key_hash {bytes} NOT NULL,
    rate_limit {id},
    last_used_at {time},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE UNIQUE INDEX idx_api_keys_hash ON api_keys(key_hash);
CREATE INDEX idx_api_keys_tenant ON api_keys(tenant_id);

CREATE TABLE store_facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE integrations (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    name TEXT NOT NULL,
    provider TEXT NOT NULL,
    config {json} NOT NULL,
    secrets {bytes},
    status TEXT NOT NULL,
    last_error TEXT,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE UNIQUE INDEX idx_integrations_name ON integrations(tenant_id, name);

CREATE TABLE forms (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    description TEXT,
    questions {json} NOT NULL,
    is_active {bool} NOT NULL,
    tags {json} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL,
    archived_at {time}
);
CREATE UNIQUE INDEX idx_forms_slug ON forms(slug);
CREATE INDEX idx_forms_tenant ON forms(tenant_id, id);

CREATE TABLE contacts (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    email TEXT,
    name TEXT,
    phone TEXT,
    external_id TEXT,
    company TEXT,
    segment TEXT,
    time_zone TEXT,
    language TEXT,
    owner_id {id},
    tags {json} NOT NULL,
    consents {json} NOT NULL,
    attributes {json} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL,
    archived_at {time}
);
CREATE INDEX idx_contacts_tenant ON contacts(tenant_id, id);
CREATE UNIQUE INDEX idx_contacts_email ON contacts(tenant_id, lower(email)) WHERE email IS NOT NULL AND archived_at IS NULL;
CREATE UNIQUE INDEX idx_contacts_external_id ON contacts(tenant_id, external_id) WHERE external_id IS NOT NULL AND archived_at IS NULL;

CREATE TABLE submissions (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    form_id {id} NOT NULL REFERENCES forms(id),
    contact_id {id},
    external_id TEXT,
    status TEXT NOT NULL,
    data {json} NOT NULL,
    language TEXT,
    tags {json} NOT NULL,
    submitted_at {time},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL,
    archived_at {time}
);
CREATE INDEX idx_submissions_tenant ON submissions(tenant_id, id);
CREATE INDEX idx_submissions_form ON submissions(form_id, id);
CREATE INDEX idx_submissions_contact ON submissions(contact_id, id) WHERE contact_id IS NOT NULL;
CREATE UNIQUE INDEX idx_submissions_external_id ON submissions(form_id, external_id) WHERE external_id IS NOT NULL;

CREATE TABLE tickets (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    title TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    assignee_id {id},
    contact_id {id},
    submission_id {id},
    tags {json} NOT NULL,
    attributes {json} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL,
    archived_at {time}
);
CREATE INDEX idx_tickets_tenant ON tickets(tenant_id, id);
CREATE INDEX idx_tickets_status ON tickets(tenant_id, status, id);
CREATE INDEX idx_tickets_contact ON tickets(contact_id, id) WHERE contact_id IS NOT NULL;
CREATE INDEX idx_tickets_submission ON tickets(submission_id, id) WHERE submission_id IS NOT NULL;
CREATE INDEX idx_tickets_assignee ON tickets(assignee_id, id) WHERE assignee_id IS NOT NULL;

CREATE TABLE notifications (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    user_id {id} NOT NULL,
    title TEXT NOT NULL,
    message TEXT,
    type TEXT NOT NULL,
    read_at {time},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE INDEX idx_notifications_user ON notifications(tenant_id, user_id, id);

-- The names of a tenant's tags; records carry the names themselves.
CREATE TABLE tags (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    name TEXT NOT NULL,
    color TEXT,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE UNIQUE INDEX idx_tags_name ON tags(tenant_id, name);

CREATE TABLE outbox (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    execution_id {id},
    mail {json} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE INDEX idx_outbox_tenant ON outbox(tenant_id, id);

CREATE TABLE workflows (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    trigger_event TEXT NOT NULL,
    trigger_config {json} NOT NULL,
    conditions {json} NOT NULL,
    actions {json} NOT NULL,
    log_unmatched {bool} NOT NULL,
    is_active {bool} NOT NULL,
    published_version {id} NOT NULL,
    draft {json},
    execution_count {id} NOT NULL DEFAULT 0,
    success_count {id} NOT NULL DEFAULT 0,
    failure_count {id} NOT NULL DEFAULT 0,
    last_executed_at {time},
    average_duration_ms {id},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL,
    archived_at {time}
);
CREATE UNIQUE INDEX idx_workflows_key ON workflows(tenant_id, key) WHERE archived_at IS NULL;
CREATE INDEX idx_workflows_tenant ON workflows(tenant_id, id);
CREATE INDEX idx_workflows_updated_at ON workflows(updated_at);

-- Immutable: what a running execution finishes on.
CREATE TABLE workflow_versions (
    workflow_id {id} NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    number {id} NOT NULL,
    tenant_id {id} NOT NULL,
    definition {json} NOT NULL,
    note TEXT,
    created_at {time} NOT NULL,
    created_by TEXT,
    PRIMARY KEY (workflow_id, number)
) {clustered};

CREATE TABLE workflow_templates (
    id {id} PRIMARY KEY,
    key TEXT,
    name TEXT NOT NULL,
    description TEXT,
    category TEXT,
    use_case TEXT,
    workflow_definition {json} NOT NULL,
    icon TEXT,
    tags {json} NOT NULL,
    variables {json} NOT NULL,
    sample_data {json},
    is_public {bool} NOT NULL,
    tenant_id {id},
    usage_count {id} NOT NULL DEFAULT 0,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE UNIQUE INDEX idx_workflow_templates_key ON workflow_templates(key) WHERE key IS NOT NULL;
CREATE INDEX idx_workflow_templates_category ON workflow_templates(category);
CREATE INDEX idx_workflow_templates_public ON workflow_templates(is_public);
CREATE INDEX idx_workflow_templates_tenant ON workflow_templates(tenant_id);

CREATE TABLE events (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL,
    name TEXT NOT NULL,
    external_id TEXT,
    source TEXT,
    data {json} NOT NULL,
    attributes {json},
    created_at {time} NOT NULL,
    created_by TEXT
);
CREATE INDEX idx_events_tenant ON events(tenant_id, id);
CREATE INDEX idx_events_external_id ON events(tenant_id, external_id) WHERE external_id IS NOT NULL;

-- The memory of which events were accepted, for 24 hours.
CREATE TABLE event_keys (
    tenant_id {id} NOT NULL,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    event_id {id} NOT NULL,
    created_at {time} NOT NULL,
    PRIMARY KEY (tenant_id, source, external_id)
) {clustered};
CREATE INDEX idx_event_keys_created_at ON event_keys(created_at);

CREATE TABLE workflow_executions (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL,
    workflow_id {id} NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    workflow_version {id} NOT NULL,
    trigger_event TEXT NOT NULL,
    trigger_data {json},
    status TEXT NOT NULL DEFAULT 'pending',
    outcome TEXT,
    started_at {time},
    completed_at {time},
    duration_ms {id},
    result {json},
    error TEXT,
    error_stack TEXT,
    retry_count {id} NOT NULL DEFAULT 0,
    next_retry_at {time},
    wake_at {time},
    actions_failed {id} NOT NULL DEFAULT 0,
    recoveries {id} NOT NULL DEFAULT 0,
    event_id {id},
    contact_id {id},
    submission_id {id},
    retry_of {id},
    key_execution_id {id} NOT NULL,
    owner {id},
    depth {id} NOT NULL DEFAULT 0,
    created_by TEXT,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
);
-- Lists run by id, newest first, within a tenant: each index ends with the id so that a page is a short walk.
CREATE INDEX idx_workflow_executions_tenant ON workflow_executions(tenant_id, id);
CREATE INDEX idx_workflow_executions_workflow ON workflow_executions(workflow_id, id);
CREATE INDEX idx_workflow_executions_status ON workflow_executions(tenant_id, status, id);
CREATE INDEX idx_workflow_executions_workflow_status ON workflow_executions(workflow_id, status, id);
CREATE INDEX idx_workflow_executions_created_at ON workflow_executions(tenant_id, created_at);
CREATE INDEX idx_workflow_executions_next_retry ON workflow_executions(next_retry_at) WHERE next_retry_at IS NOT NULL;
-- What a node has in hand, and what is there for whoever has room: both empty when nothing is going on.
CREATE INDEX idx_workflow_executions_owner ON workflow_executions(owner) WHERE owner IS NOT NULL;
CREATE INDEX idx_workflow_executions_unowned ON workflow_executions(tenant_id, id) WHERE owner IS NULL AND status IN ('pending', 'running');
CREATE INDEX idx_workflow_executions_outcome ON workflow_executions(tenant_id, outcome, id);
CREATE INDEX idx_workflow_executions_failures ON workflow_executions(tenant_id, id) WHERE actions_failed > 0;
CREATE INDEX idx_workflow_executions_event ON workflow_executions(event_id, id) WHERE event_id IS NOT NULL;
CREATE INDEX idx_workflow_executions_contact ON workflow_executions(contact_id, id) WHERE contact_id IS NOT NULL;
CREATE INDEX idx_workflow_executions_submission ON workflow_executions(submission_id, id) WHERE submission_id IS NOT NULL;
CREATE INDEX idx_workflow_executions_retry_of ON workflow_executions(retry_of, id) WHERE retry_of IS NOT NULL;

CREATE TABLE workflow_execution_logs (
    id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    execution_id {id} NOT NULL REFERENCES workflow_executions(id) ON DELETE CASCADE,
    step_number {id} NOT NULL,
    step_type TEXT NOT NULL,
    step_name TEXT,
    step_id TEXT NOT NULL,
    step_path TEXT NOT NULL,
    attempt {id} NOT NULL,
    retry_count {id} NOT NULL,
    status TEXT NOT NULL,
    input_data {json},
    output_data {json},
    error TEXT,
    warnings {json},
    retryable {bool} NOT NULL,
    resume_at {time},
    carried_from {id},
    started_at {time},
    completed_at {time},
    duration_ms {id},
    created_at {time} NOT NULL,
    PRIMARY KEY (execution_id, id)
) {clustered};

-- One row for each process that runs executions. Every transaction of a node holds its row; taking a node's work over
-- deletes the row. So a node that was stopped in the middle of a transaction cannot commit after the takeover.
CREATE TABLE nodes (
    id {id} PRIMARY KEY,
    name TEXT NOT NULL,
    started_at {time} NOT NULL,
    lease_until {time} NOT NULL
);

-- One row for each execution that waits for a time: a delay, a step's retry, the run's retry.
CREATE TABLE timers (
    due_at {time} NOT NULL,
    execution_id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    PRIMARY KEY (due_at, execution_id)
) {clustered};

-- Counts by workflow, hour, status and outcome. `existing` follows the rows that are there, `ever` all that ever ran.
CREATE TABLE execution_rollups (
    tenant_id {id} NOT NULL,
    workflow_id {id} NOT NULL,
    hour {time} NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT NOT NULL,
    existing {id} NOT NULL,
    ever {id} NOT NULL,
    duration_ms {id} NOT NULL,
    PRIMARY KEY (tenant_id, workflow_id, hour, status, outcome)
) {clustered};

-- The same, over all time: the counters of `workflows`.
CREATE TABLE workflow_counters (
    workflow_id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL,
    executions {id} NOT NULL,
    successes {id} NOT NULL,
    failures {id} NOT NULL,
    unmatched {id} NOT NULL,
    ended {id} NOT NULL,
    duration_ms {id} NOT NULL,
    last_executed_at {time}
);
