ALTER TABLE workflow_executions ADD COLUMN caused_by INTEGER;
ALTER TABLE workflow_executions ADD COLUMN called TEXT;
ALTER TABLE workflows ADD COLUMN on_failure TEXT;
ALTER TABLE workflows ADD COLUMN hook_generation INTEGER NOT NULL DEFAULT 0;
