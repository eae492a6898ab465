-- The lock within 0.9 seconds or not at all: nodes are at work.
SET LOCAL statement_timeout = '900ms';
-- How many runs began in the period before the present one.
ALTER TABLE entry_windows ADD COLUMN taken_before BIGINT NOT NULL DEFAULT 0;
SET LOCAL statement_timeout = 0;

-- The second wall, as for the other tables of tenants (0002).
ALTER TABLE event_subjects ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON event_subjects FOR SELECT
    USING (tenant_id = (SELECT CAST(nullif(current_setting('vtrustx.tenant', true), '') AS BIGINT)));
