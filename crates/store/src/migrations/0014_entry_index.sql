-- What events are about that start no run: "why did it not run for these answers?" finds the others by their executions.
CREATE TABLE event_subjects (
    event_id {id} PRIMARY KEY REFERENCES events(id) ON DELETE CASCADE,
    tenant_id {id} NOT NULL,
    contact_id {id},
    submission_id {id}
);
CREATE INDEX idx_event_subjects_contact ON event_subjects(contact_id, event_id) WHERE contact_id IS NOT NULL;
CREATE INDEX idx_event_subjects_submission ON event_subjects(submission_id, event_id) WHERE submission_id IS NOT NULL;

-- The place of a run that has ended, by the run.
CREATE INDEX idx_entry_slots_execution ON entry_slots(execution_id);
