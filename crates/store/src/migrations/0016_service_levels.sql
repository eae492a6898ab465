-- What is still to be told of a ticket's deadline: a row as long as something is.
CREATE TABLE ticket_deadlines (
    ticket_id {id} PRIMARY KEY REFERENCES tickets(id) ON DELETE CASCADE,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    due_at {time} NOT NULL,
    stage TEXT NOT NULL
);
CREATE INDEX idx_ticket_deadlines_due ON ticket_deadlines(due_at);

-- Who was asked to answer a form, with the hash of the link's token.
CREATE TABLE invitations (
    id {id} PRIMARY KEY,
    tenant_id {id} NOT NULL REFERENCES tenants(id),
    form_id {id} NOT NULL REFERENCES forms(id) ON DELETE CASCADE,
    contact_id {id} NOT NULL,
    token_hash {bytes} NOT NULL,
    sent_at {time} NOT NULL,
    sent_by TEXT,
    answered_at {time},
    submission_id {id}
);
CREATE UNIQUE INDEX idx_invitations_token ON invitations(token_hash);
CREATE INDEX idx_invitations_tenant ON invitations(tenant_id, id);
CREATE INDEX idx_invitations_form ON invitations(form_id, id);
CREATE INDEX idx_invitations_contact ON invitations(contact_id, form_id, id);

-- With what mail services sign their reports: one document by service, sealed.
CREATE TABLE mail_report_keys (
    tenant_id {id} PRIMARY KEY REFERENCES tenants(id),
    sealed_keys {bytes} NOT NULL
);
