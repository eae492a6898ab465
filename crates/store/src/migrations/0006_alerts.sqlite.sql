ALTER TABLE workflow_counters ADD COLUMN retries_exhausted INTEGER NOT NULL DEFAULT 0;
-- What was counted before is not of the last hour.
INSERT INTO alert_samples (workflow_id, sampled_at, tenant_id, successes, failures, ended, retries_exhausted, duration_ms)
SELECT workflow_id, 0, tenant_id, successes, failures, ended, 0, duration_ms FROM workflow_counters;
