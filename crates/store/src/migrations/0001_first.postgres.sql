-- Whoever deletes executions, by hand too, leaves the lists' totals right. Once for a statement, however many rows it deletes.
CREATE FUNCTION executions_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO execution_rollups (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms)
    SELECT tenant_id, workflow_id, date_trunc('hour', created_at, 'UTC'), status, coalesce(outcome, ''), -count(*), 0, 0
      FROM gone GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (tenant_id, workflow_id, hour, status, outcome)
    DO UPDATE SET existing = execution_rollups.existing + excluded.existing;
    DELETE FROM timers USING gone WHERE timers.due_at = gone.wake_at AND timers.execution_id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER execution_deleted AFTER DELETE ON workflow_executions REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION executions_deleted();
