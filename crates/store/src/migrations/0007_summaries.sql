-- The rollups' hours added up to UTC days and months, so that a year is a few hundred rows to read and not a million. Kept by triggers of
-- execution_rollups: whoever changes a count, an older program or a hand too, leaves both right.
CREATE TABLE execution_summaries (
    tenant_id {id} NOT NULL,
    period TEXT NOT NULL,
    begins_at {time} NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT NOT NULL,
    workflow_id {id} NOT NULL,
    existing {id} NOT NULL,
    ever {id} NOT NULL,
    duration_ms {id} NOT NULL,
    PRIMARY KEY (tenant_id, period, begins_at, status, outcome, workflow_id)
) {clustered};
