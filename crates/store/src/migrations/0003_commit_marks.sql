-- Nodes look for settings that another one changed.
CREATE INDEX idx_tenants_updated_at ON tenants(updated_at);
