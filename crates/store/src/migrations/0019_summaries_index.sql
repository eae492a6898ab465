-- A workflow's days: without, its year is looked for among the days of all. By itself: whoever writes an execution comes to this table last, and must not meet
-- somebody here who waits for what he holds.
CREATE INDEX idx_execution_summaries_workflow ON execution_summaries(workflow_id, period, begins_at);
