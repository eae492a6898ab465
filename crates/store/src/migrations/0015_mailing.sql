-- Addresses to which nothing is sent any more: in small letters, once for each tenant.
CREATE TABLE mail_suppressions (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    detail TEXT,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    version {id} NOT NULL
);
CREATE UNIQUE INDEX idx_mail_suppressions_address ON mail_suppressions(tenant_id, address);
CREATE INDEX idx_mail_suppressions_tenant ON mail_suppressions(tenant_id, id);

-- Marketing mails that were admitted: one row for each step that sends one, however often it is tried.
CREATE TABLE mail_admissions (
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    admission_key TEXT NOT NULL,
    contact_id {id} NOT NULL,
    admitted_at {time} NOT NULL,
    PRIMARY KEY (tenant_id, admission_key)
);
CREATE INDEX idx_mail_admissions_contact ON mail_admissions(tenant_id, contact_id, admitted_at);

-- How often the address for word of bounces was replaced; no row: never.
CREATE TABLE mail_report_addresses (
    tenant_id {id} PRIMARY KEY REFERENCES tenants(id),
    generation {id} NOT NULL
);

-- The key with which a tenant's mails are signed, sealed.
CREATE TABLE mail_keys (
    tenant_id {id} PRIMARY KEY REFERENCES tenants(id),
    domain TEXT NOT NULL,
    selector TEXT NOT NULL,
    private_key {bytes} NOT NULL
);
