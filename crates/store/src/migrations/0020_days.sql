-- The days of all workflows together, so that a tenant's year is as many rows to read whether it has four workflows or four hundred. Kept by the same triggers as
-- the summaries of each workflow, and in a table of its own: what an older program adds up there stays what it was.
CREATE TABLE execution_days (
    tenant_id {id} NOT NULL,
    day {time} NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT NOT NULL,
    existing {id} NOT NULL,
    ever {id} NOT NULL,
    duration_ms {id} NOT NULL,
    PRIMARY KEY (tenant_id, day, status, outcome)
) {clustered};
