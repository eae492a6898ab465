-- Since when a workflow has been started by what starts it, or not: "why did it not run in May?" asks for the past.
CREATE TABLE workflow_activity (
    workflow_id {id} NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    since {time} NOT NULL,
    tenant_id {id} NOT NULL,
    is_active {bool} NOT NULL,
    PRIMARY KEY (workflow_id, since)
) {clustered};

-- What a workflow's rules of entry refused; workflows without rules write nothing here.
CREATE TABLE decisions (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL,
    workflow_id {id} NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    workflow_version {id} NOT NULL,
    reason TEXT NOT NULL,
    details {json} NOT NULL,
    event_id {id},
    contact_id {id},
    submission_id {id},
    execution_id {id},
    created_at {time} NOT NULL
);
CREATE INDEX idx_decisions_tenant ON decisions(tenant_id, id);
CREATE INDEX idx_decisions_workflow ON decisions(workflow_id, id);
CREATE INDEX idx_decisions_event ON decisions(event_id, id) WHERE event_id IS NOT NULL;
CREATE INDEX idx_decisions_contact ON decisions(contact_id, id) WHERE contact_id IS NOT NULL;
CREATE INDEX idx_decisions_submission ON decisions(submission_id, id) WHERE submission_id IS NOT NULL;

-- Who is or was in a workflow that takes each entity once, or once in a while.
CREATE TABLE enrolments (
    workflow_id {id} NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    execution_id {id} NOT NULL,
    enrolled_at {time} NOT NULL,
    PRIMARY KEY (workflow_id, key)
) {clustered};

-- How many runs a workflow with a rate limit began in the present period.
CREATE TABLE entry_windows (
    workflow_id {id} PRIMARY KEY REFERENCES workflows(id) ON DELETE CASCADE,
    tenant_id {id} NOT NULL,
    started_at {time} NOT NULL,
    taken {id} NOT NULL
);

-- The runs of workflows with a limit of concurrency, by key: those that have a place, and those that wait for one.
CREATE TABLE entry_slots (
    workflow_id {id} NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    execution_id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    is_queued {bool} NOT NULL,
    PRIMARY KEY (workflow_id, key, execution_id)
) {clustered};
CREATE INDEX idx_entry_slots_queued ON entry_slots(execution_id) WHERE is_queued;

-- The last event of each key while more may come: it runs once nothing has come for a while.
CREATE TABLE debounces (
    workflow_id {id} NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    event_id {id} NOT NULL,
    due_at {time} NOT NULL,
    cause_id {id},
    depth {id} NOT NULL,
    PRIMARY KEY (workflow_id, key)
) {clustered};
CREATE INDEX idx_debounces_due ON debounces(due_at);
CREATE INDEX idx_debounces_event ON debounces(event_id);

-- Work on many records, one slice after the other: backfills, and runs by hand for a filtered set.
CREATE TABLE jobs (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL,
    workflow_id {id} NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    filter {json} NOT NULL,
    rate {id} NOT NULL,
    state TEXT NOT NULL,
    last_id {id} NOT NULL,
    up_to {id} NOT NULL,
    due_at {time},
    total {id} NOT NULL,
    seen {id} NOT NULL,
    started {id} NOT NULL,
    unmatched {id} NOT NULL,
    refused {id} NOT NULL,
    skipped {id} NOT NULL,
    error TEXT,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    ended_at {time},
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE INDEX idx_jobs_tenant ON jobs(tenant_id, id);
CREATE INDEX idx_jobs_workflow ON jobs(workflow_id, id);
CREATE INDEX idx_jobs_due ON jobs(due_at) WHERE due_at IS NOT NULL;

-- The records that backfills of a workflow have taken: none is taken twice, whoever starts however many.
CREATE TABLE job_records (
    workflow_id {id} NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    record_id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    job_id {id} NOT NULL,
    PRIMARY KEY (workflow_id, source, record_id)
) {clustered};

-- Schedules by the time of answers find those whose time has come.
CREATE INDEX idx_submissions_submitted_at ON submissions(tenant_id, submitted_at) WHERE submitted_at IS NOT NULL;
