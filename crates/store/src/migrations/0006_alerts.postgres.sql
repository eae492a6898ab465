-- The lock within 0.9 seconds or not at all: nodes are at work.
SET LOCAL statement_timeout = '900ms';
ALTER TABLE workflow_counters ADD COLUMN retries_exhausted BIGINT NOT NULL DEFAULT 0;
SET LOCAL statement_timeout = 0;
-- What was counted before is not of the last hour.
INSERT INTO alert_samples (workflow_id, sampled_at, tenant_id, successes, failures, ended, retries_exhausted, duration_ms)
SELECT workflow_id, 'epoch', tenant_id, successes, failures, ended, 0, duration_ms FROM workflow_counters;

-- The second wall, as for the other tables of tenants (0002).
DO $$
DECLARE
    tenant CONSTANT text := '(SELECT CAST(nullif(current_setting(''vtrustx.tenant'', true), '''') AS BIGINT))';
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['alerts', 'alert_deliveries', 'alert_samples'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I FOR SELECT USING (tenant_id = %s)', name, tenant);
    END LOOP;
END $$;
