-- The second wall, as for the other tables of tenants (0002).
ALTER TABLE execution_moves ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON execution_moves FOR SELECT
    USING (tenant_id = (SELECT CAST(nullif(current_setting('vtrustx.tenant', true), '') AS BIGINT)));
