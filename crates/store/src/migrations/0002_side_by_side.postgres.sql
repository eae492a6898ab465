-- Every lock at once, within 0.9 seconds, or none: nodes are at work.
SET LOCAL statement_timeout = '900ms';
LOCK TABLE tenants, users, memberships, sessions, api_keys, integrations, forms, contacts, submissions, tickets, notifications, tags, outbox,
    workflows, workflow_versions, workflow_templates, events, event_keys, workflow_executions, workflow_execution_logs, timers,
    execution_rollups, workflow_counters IN ACCESS EXCLUSIVE MODE;
SET LOCAL statement_timeout = 0;

-- The seed's defaults, for rows that are written by hand. Ids have none: they come from blocks that are reserved (id_blocks).
ALTER TABLE workflow_executions ALTER COLUMN created_at SET DEFAULT now();
ALTER TABLE workflow_execution_logs ALTER COLUMN created_at SET DEFAULT now();
ALTER TABLE workflow_templates
    ALTER COLUMN is_public SET DEFAULT TRUE,
    ALTER COLUMN created_at SET DEFAULT now(),
    ALTER COLUMN updated_at SET DEFAULT now();

-- The seed's idx_workflow_execution_logs_execution is the primary key's own index, (execution_id, id), under the seed's name. Its
-- idx_workflow_execution_logs_execution_step, (execution_id, step_number), is left out: the steps of an execution are found and
-- come in their order by the primary key, and a second index would be written with every step that runs, in the table that is written most.
ALTER INDEX workflow_execution_logs_pkey RENAME TO idx_workflow_execution_logs_execution;

-- Row-level security, the second wall between tenants: whoever reads as vtrustx_tenant sees the rows of the tenant that the session names, and
-- none when it names none. The owner, as whom everything is written, is not held up by it. Tables that belong to no tenant have no policy and
-- are granted to nobody (src/database/postgres/wall.sql).
DO $$
DECLARE
    tenant CONSTANT text := '(SELECT CAST(nullif(current_setting(''vtrustx.tenant'', true), '''') AS BIGINT))';
    wall record;
BEGIN
    FOR wall IN
        SELECT name, format('tenant_id = %s', tenant) AS condition FROM unnest(ARRAY['memberships', 'sessions', 'api_keys', 'integrations',
            'forms', 'contacts', 'submissions', 'tickets', 'notifications', 'tags', 'outbox', 'workflows', 'workflow_versions', 'events',
            'event_keys', 'workflow_executions', 'workflow_execution_logs', 'timers', 'execution_rollups', 'workflow_counters']) AS name
        UNION ALL VALUES
            ('tenants', format('id = %s', tenant)),
            ('users', format('EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = users.id AND m.tenant_id = %s)', tenant)),
            ('workflow_templates', format('is_public OR tenant_id = %s', tenant))
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', wall.name);
        EXECUTE format('CREATE POLICY tenant ON %I FOR SELECT USING (%s)', wall.name, wall.condition);
    END LOOP;
END $$;
