-- Retention finds a tenant's oldest notifications, whoever they are for.
CREATE INDEX idx_notifications_tenant ON notifications(tenant_id, id);
