-- A workflow's days: without, its year is looked for among the days of all.
CREATE INDEX idx_execution_summaries_workflow ON execution_summaries(workflow_id, period, begins_at);
