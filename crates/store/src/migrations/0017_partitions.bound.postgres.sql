-- First: up to which id the tables as they are will be the first partition, with room for a million ids and more. Of this only new rows are held
-- to it. The locks in 0.9 seconds or not at all: nodes are at work. The weaker lock before them holds up nobody, and sends autovacuum away.
DO $$
DECLARE
    span CONSTANT bigint := 2000000;
    used bigint;
    one record;
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = to_regclass('workflow_executions')) <> 'r'
        OR EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass('workflow_executions') AND conname = 'first_partition') THEN
        RETURN;
    END IF;
    SET LOCAL lock_timeout = '60s';
    LOCK TABLE events, workflow_executions, workflow_execution_logs IN SHARE UPDATE EXCLUSIVE MODE;
    SET LOCAL lock_timeout = '300ms';
    LOCK TABLE events, workflow_executions, workflow_execution_logs IN ACCESS EXCLUSIVE MODE;
    FOR one IN SELECT * FROM (VALUES ('event', 'events'), ('execution', 'workflow_executions')) AS one(kind, name) LOOP
        EXECUTE format('SELECT greatest((SELECT next_id FROM id_blocks WHERE kind = %L), (SELECT max(id) + 1 FROM %I), 1)', one.kind, one.name) INTO used;
        used := ((used - 1 + span / 2) / span + 1) * span + 1;
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT first_partition CHECK (id < %s) NOT VALID', one.name, used);
    END LOOP;
    EXECUTE format('ALTER TABLE workflow_execution_logs ADD CONSTRAINT first_partition CHECK (execution_id < %s) NOT VALID', used);
END $$;
