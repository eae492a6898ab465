-- Which executions were moved to a newer version of their workflow while they waited. Versions only grow, so each is moved to once.
CREATE TABLE execution_moves (
    execution_id {id} NOT NULL REFERENCES workflow_executions(id) ON DELETE CASCADE,
    to_version {id} NOT NULL,
    tenant_id {id} NOT NULL,
    from_version {id} NOT NULL,
    moved_at {time} NOT NULL,
    moved_by TEXT,
    PRIMARY KEY (execution_id, to_version)
) {clustered};
