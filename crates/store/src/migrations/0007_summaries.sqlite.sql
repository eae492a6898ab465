CREATE TRIGGER execution_rollup_inserted AFTER INSERT ON execution_rollups BEGIN
    INSERT INTO execution_summaries (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
    VALUES (NEW.tenant_id, 'month', unixepoch(NEW.hour / 1000, 'unixepoch', 'start of month') * 1000, NEW.status, NEW.outcome, NEW.workflow_id,
            NEW.existing, NEW.ever, NEW.duration_ms)
    ON CONFLICT (tenant_id, period, begins_at, status, outcome, workflow_id) DO UPDATE SET existing = existing + excluded.existing,
        ever = ever + excluded.ever, duration_ms = duration_ms + excluded.duration_ms;
    INSERT INTO execution_summaries (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
    VALUES (NEW.tenant_id, 'day', NEW.hour - NEW.hour % 86400000, NEW.status, NEW.outcome, NEW.workflow_id,
            NEW.existing, NEW.ever, NEW.duration_ms)
    ON CONFLICT (tenant_id, period, begins_at, status, outcome, workflow_id) DO UPDATE SET existing = existing + excluded.existing,
        ever = ever + excluded.ever, duration_ms = duration_ms + excluded.duration_ms;
END;
CREATE TRIGGER execution_rollup_updated AFTER UPDATE ON execution_rollups BEGIN
    INSERT INTO execution_summaries (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
    VALUES (NEW.tenant_id, 'month', unixepoch(NEW.hour / 1000, 'unixepoch', 'start of month') * 1000, NEW.status, NEW.outcome, NEW.workflow_id,
            NEW.existing - OLD.existing, NEW.ever - OLD.ever, NEW.duration_ms - OLD.duration_ms)
    ON CONFLICT (tenant_id, period, begins_at, status, outcome, workflow_id) DO UPDATE SET existing = existing + excluded.existing,
        ever = ever + excluded.ever, duration_ms = duration_ms + excluded.duration_ms;
    INSERT INTO execution_summaries (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
    VALUES (NEW.tenant_id, 'day', NEW.hour - NEW.hour % 86400000, NEW.status, NEW.outcome, NEW.workflow_id,
            NEW.existing - OLD.existing, NEW.ever - OLD.ever, NEW.duration_ms - OLD.duration_ms)
    ON CONFLICT (tenant_id, period, begins_at, status, outcome, workflow_id) DO UPDATE SET existing = existing + excluded.existing,
        ever = ever + excluded.ever, duration_ms = duration_ms + excluded.duration_ms;
END;
CREATE TRIGGER execution_rollup_deleted AFTER DELETE ON execution_rollups BEGIN
    INSERT INTO execution_summaries (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
    VALUES (OLD.tenant_id, 'month', unixepoch(OLD.hour / 1000, 'unixepoch', 'start of month') * 1000, OLD.status, OLD.outcome, OLD.workflow_id,
            -OLD.existing, -OLD.ever, -OLD.duration_ms)
    ON CONFLICT (tenant_id, period, begins_at, status, outcome, workflow_id) DO UPDATE SET existing = existing + excluded.existing,
        ever = ever + excluded.ever, duration_ms = duration_ms + excluded.duration_ms;
    INSERT INTO execution_summaries (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
    VALUES (OLD.tenant_id, 'day', OLD.hour - OLD.hour % 86400000, OLD.status, OLD.outcome, OLD.workflow_id,
            -OLD.existing, -OLD.ever, -OLD.duration_ms)
    ON CONFLICT (tenant_id, period, begins_at, status, outcome, workflow_id) DO UPDATE SET existing = existing + excluded.existing,
        ever = ever + excluded.ever, duration_ms = duration_ms + excluded.duration_ms;
END;
INSERT INTO execution_summaries (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
SELECT tenant_id, 'day', hour - hour % 86400000, status, outcome, workflow_id, sum(existing), sum(ever), sum(duration_ms)
  FROM execution_rollups GROUP BY 1, 3, 4, 5, 6;
INSERT INTO execution_summaries (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
SELECT tenant_id, 'month', unixepoch(begins_at / 1000, 'unixepoch', 'start of month') * 1000, status, outcome, workflow_id, sum(existing), sum(ever), sum(duration_ms)
  FROM execution_summaries WHERE period = 'day' GROUP BY 1, 3, 4, 5, 6;
