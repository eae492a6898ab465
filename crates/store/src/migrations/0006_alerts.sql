-- What tenants are warned of. While it goes on there is one row for each kind and workflow (0: the whole tenant), whoever writes it.
CREATE TABLE alerts (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL,
    kind TEXT NOT NULL,
    workflow_id {id} NOT NULL,
    execution_id {id},
    message TEXT NOT NULL,
    details {json} NOT NULL,
    raised_at {time} NOT NULL,
    resolved_at {time}
);
CREATE UNIQUE INDEX idx_alerts_open ON alerts(tenant_id, kind, workflow_id) WHERE resolved_at IS NULL;
CREATE INDEX idx_alerts_tenant ON alerts(tenant_id, id);

-- Mails and webhooks that tell of an alert: written with it, sent until the receiver takes them.
CREATE TABLE alert_deliveries (
    alert_id {id} NOT NULL REFERENCES alerts(id) ON DELETE CASCADE,
    moment TEXT NOT NULL,
    channel TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    target TEXT NOT NULL,
    attempts {id} NOT NULL,
    next_attempt_at {time},
    delivered_at {time},
    last_error TEXT,
    PRIMARY KEY (alert_id, moment, channel)
) {clustered};
CREATE INDEX idx_alert_deliveries_next_attempt ON alert_deliveries(next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- The counters of workflows as they were: what is counted now less what was counted an hour ago is the last hour.
CREATE TABLE alert_samples (
    workflow_id {id} NOT NULL,
    sampled_at {time} NOT NULL,
    tenant_id {id} NOT NULL,
    successes {id} NOT NULL,
    failures {id} NOT NULL,
    ended {id} NOT NULL,
    retries_exhausted {id} NOT NULL,
    duration_ms {id} NOT NULL,
    PRIMARY KEY (workflow_id, sampled_at)
) {clustered};
