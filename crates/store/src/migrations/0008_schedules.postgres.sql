-- The second wall, as for the other tables of tenants (0002).
ALTER TABLE workflow_schedules ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON workflow_schedules FOR SELECT
    USING (tenant_id = (SELECT CAST(nullif(current_setting('vtrustx.tenant', true), '') AS BIGINT)));
