-- Second: whether it is so of the rows that are there. Reads the tables once, beside the nodes.
DO $$
DECLARE
    name text;
BEGIN
    SET LOCAL lock_timeout = '60s';
    FOREACH name IN ARRAY ARRAY['events', 'workflow_executions', 'workflow_execution_logs'] LOOP
        IF EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass(name) AND conname = 'first_partition' AND NOT convalidated) THEN
            EXECUTE format('ALTER TABLE %I VALIDATE CONSTRAINT first_partition', name);
        END IF;
    END LOOP;
END $$;
