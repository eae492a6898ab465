-- Whoever deletes executions, by hand too, leaves the lists' totals right.
CREATE TRIGGER execution_deleted AFTER DELETE ON workflow_executions BEGIN
    INSERT INTO execution_rollups (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms)
    VALUES (OLD.tenant_id, OLD.workflow_id, OLD.created_at - OLD.created_at % 3600000, OLD.status, coalesce(OLD.outcome, ''), -1, 0, 0)
    ON CONFLICT (tenant_id, workflow_id, hour, status, outcome) DO UPDATE SET existing = execution_rollups.existing - 1;
    DELETE FROM timers WHERE due_at = OLD.wake_at AND execution_id = OLD.id;
END;
