-- A workflow's executions with the tenant, which is checked of each, and so as wide as the index of those with failures; and that one anew, as the last. Of two indexes that look
-- as good as each other SQLite takes the narrower, then the newer: it had read all executions of a workflow for the few that failed (14 s among ten million).
DROP INDEX idx_workflow_executions_workflow;
CREATE INDEX idx_workflow_executions_workflow ON workflow_executions(workflow_id, id, tenant_id);
DROP INDEX idx_workflow_executions_workflow_failures;
CREATE INDEX idx_workflow_executions_workflow_failures ON workflow_executions(workflow_id, id, tenant_id) WHERE actions_failed > 0;
