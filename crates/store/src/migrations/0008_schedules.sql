-- When the clock starts workflows next: one row for each active one that has a next time, moved on in the transaction that starts it.
CREATE TABLE workflow_schedules (
    workflow_id {id} PRIMARY KEY REFERENCES workflows(id) ON DELETE CASCADE,
    tenant_id {id} NOT NULL,
    version {id} NOT NULL,
    due_at {time} NOT NULL
);
CREATE INDEX idx_workflow_schedules_due ON workflow_schedules(due_at);
