-- With what is asked of a contact's executions, so that they are found and counted without a look at each of them, wherever in ten million they lie.
DROP INDEX idx_workflow_executions_contact;
CREATE INDEX idx_workflow_executions_contact ON workflow_executions(contact_id, id, tenant_id, status) WHERE contact_id IS NOT NULL;
-- What is rare in a workflow: of the many that went as they should there is no entry.
CREATE INDEX idx_workflow_executions_workflow_failures ON workflow_executions(workflow_id, id) WHERE actions_failed > 0;
CREATE INDEX idx_workflow_executions_workflow_outcome ON workflow_executions(workflow_id, outcome, id) WHERE outcome <> 'matched';
