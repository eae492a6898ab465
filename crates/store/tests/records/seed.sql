-- The seed's section "Database Schema" as printed, in a schema of its own. It takes a table `workflows` for granted.
CREATE SCHEMA seed;
SET search_path = seed;
CREATE TABLE workflows (id SERIAL PRIMARY KEY);

CREATE TABLE workflow_executions (
    id SERIAL PRIMARY KEY,
    tenant_id INTEGER NOT NULL,
    workflow_id INTEGER NOT NULL REFERENCES workflows(id) ON DELETE CASCADE,
    trigger_event VARCHAR(100) NOT NULL,  -- Event that triggered execution
    trigger_data JSONB,                    -- Context data (submission, ticket, etc.)
    status VARCHAR(20) NOT NULL DEFAULT 'pending',  -- pending, running, completed, failed, retrying
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    duration_ms INTEGER,                   -- Execution time in milliseconds
    result JSONB,                          -- Execution results
    error TEXT,                            -- Error message if failed
    error_stack TEXT,                      -- Full stack trace for debugging
    retry_count INTEGER NOT NULL DEFAULT 0,
    next_retry_at TIMESTAMP,               -- When to retry (if failed)
    created_at TIMESTAMP NOT NULL DEFAULT NOW()
);

-- Indexes for performance
CREATE INDEX idx_workflow_executions_tenant ON workflow_executions(tenant_id);
CREATE INDEX idx_workflow_executions_workflow ON workflow_executions(workflow_id);
CREATE INDEX idx_workflow_executions_status ON workflow_executions(status);
CREATE INDEX idx_workflow_executions_workflow_status ON workflow_executions(workflow_id, status);
CREATE INDEX idx_workflow_executions_created_at ON workflow_executions(created_at);
CREATE INDEX idx_workflow_executions_next_retry ON workflow_executions(next_retry_at) WHERE next_retry_at IS NOT NULL;

CREATE TABLE workflow_execution_logs (
    id SERIAL PRIMARY KEY,
    execution_id INTEGER NOT NULL REFERENCES workflow_executions(id) ON DELETE CASCADE,
    step_number INTEGER NOT NULL,          -- Sequential step (1, 2, 3...)
    step_type VARCHAR(50) NOT NULL,        -- condition, action, delay, loop, branch
    step_name VARCHAR(255),                -- Human-readable name
    status VARCHAR(20) NOT NULL,           -- pending, running, completed, failed, skipped
    input_data JSONB,                      -- Step input
    output_data JSONB,                     -- Step output
    error TEXT,                            -- Error if step failed
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    duration_ms INTEGER,
    created_at TIMESTAMP NOT NULL DEFAULT NOW()
);

-- Indexes
CREATE INDEX idx_workflow_execution_logs_execution ON workflow_execution_logs(execution_id);
CREATE INDEX idx_workflow_execution_logs_execution_step ON workflow_execution_logs(execution_id, step_number);

CREATE TABLE workflow_templates (
    id SERIAL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    description TEXT,
    category VARCHAR(100),                 -- customer_service, sales, marketing, operations
    use_case VARCHAR(255),                 -- Short use case description
    workflow_definition JSONB NOT NULL,    -- Complete workflow config
    icon VARCHAR(50),                      -- Icon name for UI
    tags TEXT[],                           -- Searchable tags
    is_public BOOLEAN NOT NULL DEFAULT true,
    tenant_id INTEGER,                     -- If set, template is private to tenant
    usage_count INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMP NOT NULL DEFAULT NOW()
);

-- Indexes
CREATE INDEX idx_workflow_templates_category ON workflow_templates(category);
CREATE INDEX idx_workflow_templates_public ON workflow_templates(is_public);
CREATE INDEX idx_workflow_templates_tenant ON workflow_templates(tenant_id);
CREATE INDEX idx_workflow_templates_tags ON workflow_templates USING gin(tags);

ALTER TABLE workflows ADD COLUMN execution_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workflows ADD COLUMN success_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workflows ADD COLUMN failure_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workflows ADD COLUMN last_executed_at TIMESTAMP;
ALTER TABLE workflows ADD COLUMN average_duration_ms INTEGER;
