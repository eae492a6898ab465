-- What is remembered of a connection between calls, over all nodes: its token (sealed), who renews it, and by when its calls would be made at an even pace.
CREATE TABLE integration_states (
    integration_id {id} PRIMARY KEY REFERENCES integrations(id) ON DELETE CASCADE,
    tenant_id {id} NOT NULL,
    token {bytes},
    generation {id} NOT NULL,
    renewing_until {time},
    reserved_until {time},
    limited_until {time},
    quota {json}
);

-- Calls that have to wait for their turn, each with its time.
CREATE TABLE integration_turns (
    integration_id {id} NOT NULL REFERENCES integrations(id) ON DELETE CASCADE,
    turn_key TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    turn_at {time} NOT NULL,
    PRIMARY KEY (integration_id, turn_key)
);
CREATE INDEX idx_integration_turns_at ON integration_turns(turn_at);

-- Executions that wait until a connection is let in again.
CREATE TABLE integration_waits (
    execution_id {id} NOT NULL REFERENCES workflow_executions(id) ON DELETE CASCADE,
    integration_id {id} NOT NULL REFERENCES integrations(id) ON DELETE CASCADE,
    tenant_id {id} NOT NULL,
    PRIMARY KEY (execution_id, integration_id)
);
CREATE INDEX idx_integration_waits ON integration_waits(integration_id, execution_id);

-- What was made, or was about to be made, in another system under a step's key.
CREATE TABLE external_refs (
    integration_id {id} NOT NULL REFERENCES integrations(id) ON DELETE CASCADE,
    reference_key TEXT NOT NULL,
    tenant_id {id} NOT NULL,
    begun_at {time} NOT NULL,
    external_id TEXT,
    url TEXT,
    PRIMARY KEY (integration_id, reference_key)
);
CREATE INDEX idx_external_refs_begun ON external_refs(begun_at);

-- Connections that somebody is authorising in the browser: one row for each time, gone when it is used.
CREATE TABLE integration_authorizations (
    state_hash {bytes} PRIMARY KEY,
    integration_id {id} NOT NULL REFERENCES integrations(id) ON DELETE CASCADE,
    tenant_id {id} NOT NULL,
    begun_by TEXT NOT NULL,
    verifier {bytes} NOT NULL,
    expires_at {time} NOT NULL
);
CREATE INDEX idx_integration_authorizations ON integration_authorizations(integration_id);
