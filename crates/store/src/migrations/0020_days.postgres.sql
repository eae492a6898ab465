-- The lock within 0.9 seconds or not at all: nodes are at work. What they count waits until the sums are made.
SET LOCAL statement_timeout = '900ms';
LOCK TABLE execution_rollups IN SHARE ROW EXCLUSIVE MODE;
SET LOCAL statement_timeout = 0;

INSERT INTO execution_days (tenant_id, day, status, outcome, existing, ever, duration_ms)
SELECT tenant_id, begins_at, status, outcome, sum(existing), sum(ever), sum(duration_ms)
  FROM execution_summaries WHERE period = 'day' GROUP BY 1, 2, 3, 4;

-- As before (0007), and the days of all.
CREATE OR REPLACE FUNCTION execution_rollups_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO execution_summaries AS known (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
        SELECT tenant_id, period, date_trunc(period, hour, 'UTC'), status, outcome, workflow_id, sum(existing), sum(ever), sum(duration_ms)
          FROM (SELECT tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms FROM made)
                AS changed (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms), unnest(ARRAY['month', 'day']) AS period
         GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(existing) <> 0 OR sum(ever) <> 0 OR sum(duration_ms) <> 0 ORDER BY 1, 6, 4, 5, 2, 3
        ON CONFLICT (tenant_id, period, begins_at, status, outcome, workflow_id) DO UPDATE SET
            existing = known.existing + excluded.existing, ever = known.ever + excluded.ever, duration_ms = known.duration_ms + excluded.duration_ms;
        INSERT INTO execution_days AS known (tenant_id, day, status, outcome, existing, ever, duration_ms)
        SELECT tenant_id, date_trunc('day', hour, 'UTC'), status, outcome, sum(existing), sum(ever), sum(duration_ms)
          FROM made AS changed
         GROUP BY 1, 2, 3, 4 HAVING sum(existing) <> 0 OR sum(ever) <> 0 OR sum(duration_ms) <> 0 ORDER BY 1, 2, 3, 4
        ON CONFLICT (tenant_id, day, status, outcome) DO UPDATE SET
            existing = known.existing + excluded.existing, ever = known.ever + excluded.ever, duration_ms = known.duration_ms + excluded.duration_ms;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO execution_summaries AS known (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
        SELECT tenant_id, period, date_trunc(period, hour, 'UTC'), status, outcome, workflow_id, sum(existing), sum(ever), sum(duration_ms)
          FROM (SELECT tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms FROM made UNION ALL SELECT tenant_id, workflow_id, hour, status, outcome, -existing, -ever, -duration_ms FROM gone)
                AS changed (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms), unnest(ARRAY['month', 'day']) AS period
         GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(existing) <> 0 OR sum(ever) <> 0 OR sum(duration_ms) <> 0 ORDER BY 1, 6, 4, 5, 2, 3
        ON CONFLICT (tenant_id, period, begins_at, status, outcome, workflow_id) DO UPDATE SET
            existing = known.existing + excluded.existing, ever = known.ever + excluded.ever, duration_ms = known.duration_ms + excluded.duration_ms;
        INSERT INTO execution_days AS known (tenant_id, day, status, outcome, existing, ever, duration_ms)
        SELECT tenant_id, date_trunc('day', hour, 'UTC'), status, outcome, sum(existing), sum(ever), sum(duration_ms)
          FROM (SELECT tenant_id, hour, status, outcome, existing, ever, duration_ms FROM made UNION ALL SELECT tenant_id, hour, status, outcome, -existing, -ever, -duration_ms FROM gone)
                AS changed (tenant_id, hour, status, outcome, existing, ever, duration_ms)
         GROUP BY 1, 2, 3, 4 HAVING sum(existing) <> 0 OR sum(ever) <> 0 OR sum(duration_ms) <> 0 ORDER BY 1, 2, 3, 4
        ON CONFLICT (tenant_id, day, status, outcome) DO UPDATE SET
            existing = known.existing + excluded.existing, ever = known.ever + excluded.ever, duration_ms = known.duration_ms + excluded.duration_ms;
    ELSE
        INSERT INTO execution_summaries AS known (tenant_id, period, begins_at, status, outcome, workflow_id, existing, ever, duration_ms)
        SELECT tenant_id, period, date_trunc(period, hour, 'UTC'), status, outcome, workflow_id, sum(existing), sum(ever), sum(duration_ms)
          FROM (SELECT tenant_id, workflow_id, hour, status, outcome, -existing, -ever, -duration_ms FROM gone)
                AS changed (tenant_id, workflow_id, hour, status, outcome, existing, ever, duration_ms), unnest(ARRAY['month', 'day']) AS period
         GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(existing) <> 0 OR sum(ever) <> 0 OR sum(duration_ms) <> 0 ORDER BY 1, 6, 4, 5, 2, 3
        ON CONFLICT (tenant_id, period, begins_at, status, outcome, workflow_id) DO UPDATE SET
            existing = known.existing + excluded.existing, ever = known.ever + excluded.ever, duration_ms = known.duration_ms + excluded.duration_ms;
        INSERT INTO execution_days AS known (tenant_id, day, status, outcome, existing, ever, duration_ms)
        SELECT tenant_id, date_trunc('day', hour, 'UTC'), status, outcome, sum(existing), sum(ever), sum(duration_ms)
          FROM (SELECT tenant_id, hour, status, outcome, -existing, -ever, -duration_ms FROM gone)
                AS changed (tenant_id, hour, status, outcome, existing, ever, duration_ms)
         GROUP BY 1, 2, 3, 4 HAVING sum(existing) <> 0 OR sum(ever) <> 0 OR sum(duration_ms) <> 0 ORDER BY 1, 2, 3, 4
        ON CONFLICT (tenant_id, day, status, outcome) DO UPDATE SET
            existing = known.existing + excluded.existing, ever = known.ever + excluded.ever, duration_ms = known.duration_ms + excluded.duration_ms;
    END IF;
    RETURN NULL;
END $$;

-- The second wall, as for the other tables of tenants (0002).
ALTER TABLE execution_days ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON execution_days FOR SELECT
    USING (tenant_id = (SELECT CAST(nullif(current_setting('vtrustx.tenant', true), '') AS BIGINT)));
