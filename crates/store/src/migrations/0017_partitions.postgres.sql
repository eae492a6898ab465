-- History in partitions: spans of ids, which grow with time, so that what is too old is dropped with its span. Logs go with their executions.
-- Third (the first two are before it, in files of their own): the tables become the first partition. Nothing is read or copied: that every row is in its
-- bounds is known by now, and indexes and keys are taken over.
--
-- Every lock at once, within 0.9 seconds, or none: nodes are at work. The weaker lock before it holds up nobody, and sends autovacuum away.
SET LOCAL lock_timeout = '60s';
LOCK TABLE events, workflow_executions, workflow_execution_logs IN SHARE UPDATE EXCLUSIVE MODE;
SET LOCAL lock_timeout = '900ms';
SET LOCAL statement_timeout = '900ms';
LOCK TABLE workflows, events, workflow_executions, workflow_execution_logs, event_subjects, execution_waits, approvals, execution_moves,
    integration_waits IN ACCESS EXCLUSIVE MODE;
SET LOCAL statement_timeout = 0;

-- What referred to an execution or an event goes with it by a trigger: a reference to a table of partitions would be looked for, row by row, whenever one
-- is taken out. Logs refer to executions partition by partition, and both are taken out together.
CREATE OR REPLACE FUNCTION executions_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO execution_rollups (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms)
    SELECT tenant_id, workflow_id, date_trunc('hour', created_at, 'UTC'), status, coalesce(outcome, ''), -count(*), 0, 0
      FROM gone GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (tenant_id, workflow_id, hour, status, outcome)
    DO UPDATE SET existing = execution_rollups.existing + excluded.existing;
    DELETE FROM timers USING gone WHERE timers.due_at = gone.wake_at AND timers.execution_id = gone.id;
    DELETE FROM execution_waits USING gone WHERE execution_waits.execution_id = gone.id;
    DELETE FROM approvals USING gone WHERE approvals.execution_id = gone.id;
    DELETE FROM execution_moves USING gone WHERE execution_moves.execution_id = gone.id;
    DELETE FROM integration_waits USING gone WHERE integration_waits.execution_id = gone.id;
    RETURN NULL;
END $$;
CREATE FUNCTION events_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM event_subjects USING gone WHERE event_subjects.event_id = gone.id;
    RETURN NULL;
END $$;
DROP TRIGGER execution_deleted ON workflow_executions;

DO $$
DECLARE
    series record;
    one record;
    part text;
    bound bigint;
    indexes text[];
BEGIN
    FOR one IN
        SELECT conname AS name, CAST(CAST(conrelid AS regclass) AS text) AS owner FROM pg_constraint
         WHERE contype = 'f' AND conrelid <> CAST('workflow_execution_logs' AS regclass)
           AND confrelid IN (CAST('events' AS regclass), CAST('workflow_executions' AS regclass))
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.owner, one.name);
    END LOOP;
    FOR series IN
        SELECT * FROM (VALUES
            ('events', 'id', 'events_pkey', 'id'),
            ('workflow_executions', 'id', 'workflow_executions_pkey', 'id'),
            ('workflow_execution_logs', 'execution_id', 'idx_workflow_execution_logs_execution', 'execution_id, id')) AS series(name, cut_by, key, columns)
    LOOP
        part := series.name || '_from_0';
        SELECT CAST(substring(pg_get_constraintdef(oid) FROM '[0-9]+') AS bigint) INTO bound
          FROM pg_constraint WHERE conrelid = to_regclass(series.name) AND conname = 'first_partition' AND convalidated;
        SELECT coalesce(array_agg(pg_get_indexdef(indexrelid)), CAST(ARRAY[] AS text[])) INTO indexes
          FROM pg_index WHERE indrelid = to_regclass(series.name) AND NOT indisprimary;
        -- The names belong to the indexes of the whole.
        FOR one IN SELECT CAST(indexrelid AS regclass) AS index, c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                    WHERE i.indrelid = to_regclass(series.name) LOOP
            EXECUTE format('ALTER INDEX %s RENAME TO %I', one.index, left('from_0_' || one.name, 63));
        END LOOP;
        EXECUTE format('ALTER TABLE %I RENAME TO %I', series.name, part);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS) PARTITION BY RANGE (%I)', series.name, part, series.cut_by);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I PRIMARY KEY (%s)', series.name, series.key, series.columns);
        FOR one IN SELECT unnest(indexes) AS definition LOOP
            EXECUTE one.definition;
        END LOOP;
        IF series.name = 'workflow_executions' THEN
            ALTER TABLE workflow_executions ADD CONSTRAINT workflow_executions_workflow_id_fkey
                FOREIGN KEY (workflow_id) REFERENCES workflows(id) ON DELETE CASCADE;
        END IF;
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%s)', series.name, part, bound);
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT first_partition', part);
        -- Who may read the table may read the whole, and its parts only as parts of it. The second wall stands before the whole (0002).
        FOR one IN
            SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE CAST(CAST(grantee AS regrole) AS text) END AS grantee, string_agg(privilege_type, ', ') AS rights
              FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass(part) AND a.grantee <> c.relowner GROUP BY 1
        LOOP
            EXECUTE format('GRANT %s ON %I TO %s', one.rights, series.name, one.grantee);
            EXECUTE format('REVOKE ALL ON %I FROM %s', part, one.grantee);
        END LOOP;
        EXECUTE format('DROP POLICY tenant ON %I', part);
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', part);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', series.name);
        EXECUTE format('CREATE POLICY tenant ON %I FOR SELECT USING (tenant_id = %s)', series.name,
            '(SELECT CAST(nullif(current_setting(''vtrustx.tenant'', true), '''') AS BIGINT))');
    END LOOP;
END $$;

CREATE TRIGGER execution_deleted AFTER DELETE ON workflow_executions REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION executions_deleted();
CREATE TRIGGER event_deleted AFTER DELETE ON events REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION events_deleted();
