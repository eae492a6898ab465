-- The lock within 0.9 seconds or not at all: nodes are at work.
SET LOCAL statement_timeout = '900ms';
ALTER TABLE workflows ADD COLUMN entry_rules JSONB;
-- Until when a schedule by records' dates has looked at them.
ALTER TABLE workflow_schedules ADD COLUMN looked_until TIMESTAMPTZ;
SET LOCAL statement_timeout = 0;

-- The second wall, as for the other tables of tenants (0002).
DO $$
DECLARE
    tenant CONSTANT text := '(SELECT CAST(nullif(current_setting(''vtrustx.tenant'', true), '''') AS BIGINT))';
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['workflow_activity', 'decisions', 'enrolments', 'entry_windows', 'entry_slots', 'debounces', 'jobs', 'job_records'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I FOR SELECT USING (tenant_id = %s)', name, tenant);
    END LOOP;
END $$;
