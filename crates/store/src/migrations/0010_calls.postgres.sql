-- The locks within 0.9 seconds or not at all: nodes are at work.
SET LOCAL statement_timeout = '900ms';
-- What called an execution, or made the event that started it; what a workflow does when a run has failed; which hook's address is the present one.
ALTER TABLE workflow_executions ADD COLUMN caused_by BIGINT, ADD COLUMN called TEXT;
ALTER TABLE workflows ADD COLUMN on_failure JSONB, ADD COLUMN hook_generation BIGINT NOT NULL DEFAULT 0;
SET LOCAL statement_timeout = 0;
