CREATE TRIGGER execution_day_inserted AFTER INSERT ON execution_rollups BEGIN
    INSERT INTO execution_days (tenant_id, day, status, outcome, existing, ever, duration_ms)
    VALUES (NEW.tenant_id, NEW.hour - NEW.hour % 86400000, NEW.status, NEW.outcome, NEW.existing, NEW.ever, NEW.duration_ms)
    ON CONFLICT (tenant_id, day, status, outcome) DO UPDATE SET existing = existing + excluded.existing,
        ever = ever + excluded.ever, duration_ms = duration_ms + excluded.duration_ms;
END;
CREATE TRIGGER execution_day_updated AFTER UPDATE ON execution_rollups BEGIN
    INSERT INTO execution_days (tenant_id, day, status, outcome, existing, ever, duration_ms)
    VALUES (NEW.tenant_id, NEW.hour - NEW.hour % 86400000, NEW.status, NEW.outcome, NEW.existing - OLD.existing, NEW.ever - OLD.ever, NEW.duration_ms - OLD.duration_ms)
    ON CONFLICT (tenant_id, day, status, outcome) DO UPDATE SET existing = existing + excluded.existing,
        ever = ever + excluded.ever, duration_ms = duration_ms + excluded.duration_ms;
END;
CREATE TRIGGER execution_day_deleted AFTER DELETE ON execution_rollups BEGIN
    INSERT INTO execution_days (tenant_id, day, status, outcome, existing, ever, duration_ms)
    VALUES (OLD.tenant_id, OLD.hour - OLD.hour % 86400000, OLD.status, OLD.outcome, -OLD.existing, -OLD.ever, -OLD.duration_ms)
    ON CONFLICT (tenant_id, day, status, outcome) DO UPDATE SET existing = existing + excluded.existing,
        ever = ever + excluded.ever, duration_ms = duration_ms + excluded.duration_ms;
END;
INSERT INTO execution_days (tenant_id, day, status, outcome, existing, ever, duration_ms)
SELECT tenant_id, begins_at, status, outcome, sum(existing), sum(ever), sum(duration_ms)
  FROM execution_summaries WHERE period = 'day' GROUP BY 1, 2, 3, 4;
