-- What the second wall needs besides the policies, which are in the tables' migrations. Run at every start: the role may be made later than
-- the tables, by an administrator, and new tables are granted here. Roles belong to the whole server: other nodes and other stores
-- make the same one at the same moment. Whoever may not make it leaves it: the server says that the wall is missing.
DO $$
DECLARE
    missing regclass;
BEGIN
    BEGIN
        IF to_regrole('vtrustx_tenant') IS NULL THEN
            CREATE ROLE vtrustx_tenant NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
        NULL;
    END;
    IF to_regrole('vtrustx_tenant') IS NULL THEN
        RETURN;
    END IF;
    BEGIN
        -- From 16 on whoever makes a role is a member of it, but may not take it on.
        IF NOT pg_has_role(current_user, 'vtrustx_tenant',
                           CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN
            GRANT vtrustx_tenant TO CURRENT_USER;
        END IF;
    -- internal_error: two grants of one role at the same moment, "tuple concurrently updated".
    EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege OR internal_error THEN
        NULL;
    END;
    IF NOT has_schema_privilege('vtrustx_tenant', current_schema(), 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO vtrustx_tenant', current_schema());
    END IF;
    -- Only tables with a policy: a new one without is open to nobody.
    FOR missing IN
        SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND c.relrowsecurity
           AND NOT has_table_privilege('vtrustx_tenant', c.oid, 'SELECT')
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO vtrustx_tenant', missing);
    END LOOP;
END $$;
