-- What places in runs wait for that comes from outside: one row for each, until it has come. Without an event it is a decision.
-- The reference is looked at when the transaction ends: a run's first steps are done before its row is written.
CREATE TABLE execution_waits (
    execution_id {id} NOT NULL REFERENCES workflow_executions(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    step_path TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    event TEXT,
    key_path TEXT NOT NULL,
    key_value TEXT NOT NULL,
    conditions {json},
    kept {json},
    created_at {time} NOT NULL,
    PRIMARY KEY (execution_id, step_path)
) {clustered};
CREATE INDEX idx_execution_waits_event ON execution_waits(tenant_id, event, key_path, key_value);

-- What has come for them, written with it and worked off at once. Without a reference: whoever takes an event in holds up nobody's run.
CREATE TABLE execution_signals (
    execution_id {id} NOT NULL,
    step_path TEXT NOT NULL,
    source TEXT NOT NULL,
    source_id {id} NOT NULL,
    tenant_id {id} NOT NULL,
    created_at {time} NOT NULL,
    PRIMARY KEY (execution_id, step_path, source, source_id)
) {clustered};
CREATE INDEX idx_execution_signals_created ON execution_signals(created_at, source_id);

-- What people are asked to decide.
CREATE TABLE approvals (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL,
    execution_id {id} NOT NULL REFERENCES workflow_executions(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    workflow_id {id} NOT NULL,
    step_path TEXT NOT NULL,
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT,
    approvers {json} NOT NULL,
    required {id} NOT NULL,
    form {json} NOT NULL,
    allow_self {bool} NOT NULL,
    selves {json} NOT NULL,
    remind_at {time},
    reminded_at {time},
    timeout_at {time} NOT NULL,
    ended_at {time},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE INDEX idx_approvals_tenant ON approvals(tenant_id, id);
CREATE INDEX idx_approvals_state ON approvals(tenant_id, state, id);
CREATE INDEX idx_approvals_execution ON approvals(execution_id);

-- Who may decide: `user` and an id, `role` and its name, `email` and an address in small letters.
CREATE TABLE approval_approvers (
    approval_id {id} NOT NULL REFERENCES approvals(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    PRIMARY KEY (approval_id, kind, value)
) {clustered};

-- Who has decided; each once.
CREATE TABLE approval_decisions (
    approval_id {id} NOT NULL REFERENCES approvals(id) ON DELETE CASCADE,
    decided_by TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    number {id} NOT NULL,
    decision TEXT NOT NULL,
    comment TEXT,
    form {json} NOT NULL,
    decided_at {time} NOT NULL,
    PRIMARY KEY (approval_id, decided_by)
) {clustered};

-- Mails that ask: written with the approval, sent until the receiver's server takes them.
CREATE TABLE approval_mails (
    approval_id {id} NOT NULL REFERENCES approvals(id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    moment TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    attempts {id} NOT NULL,
    next_attempt_at {time},
    delivered_at {time},
    last_error TEXT,
    PRIMARY KEY (approval_id, address, moment)
) {clustered};
CREATE INDEX idx_approval_mails_next_attempt ON approval_mails(next_attempt_at) WHERE next_attempt_at IS NOT NULL;
