-- The locks within 0.9 seconds or not at all: nodes are at work.
SET LOCAL statement_timeout = '900ms';
-- Who is away: from an instant until another, or until they say otherwise.
ALTER TABLE memberships ADD COLUMN away_from TIMESTAMPTZ;
ALTER TABLE memberships ADD COLUMN away_until TIMESTAMPTZ;
-- When an open ticket is to be answered.
ALTER TABLE tickets ADD COLUMN due_at TIMESTAMPTZ;
SET LOCAL statement_timeout = 0;

-- The second wall, as for the other tables of tenants (0002).
DO $$
DECLARE
    tenant CONSTANT text := '(SELECT CAST(nullif(current_setting(''vtrustx.tenant'', true), '''') AS BIGINT))';
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ticket_deadlines', 'invitations', 'mail_report_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I FOR SELECT USING (tenant_id = %s)', name, tenant);
    END LOOP;
END $$;
