-- The second wall, as for the other tables of tenants (0002).
DO $$
DECLARE
    tenant CONSTANT text := '(SELECT CAST(nullif(current_setting(''vtrustx.tenant'', true), '''') AS BIGINT))';
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['mail_suppressions', 'mail_admissions', 'mail_report_addresses', 'mail_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I FOR SELECT USING (tenant_id = %s)', name, tenant);
    END LOOP;
END $$;
