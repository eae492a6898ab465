-- With the tenant, which is checked of each: they are counted without a look at their rows.
DROP INDEX idx_workflow_executions_workflow_failures;
CREATE INDEX idx_workflow_executions_workflow_failures ON workflow_executions(workflow_id, id, tenant_id) WHERE actions_failed > 0;
