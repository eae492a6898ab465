ALTER TABLE workflows ADD COLUMN entry_rules TEXT;
-- Until when a schedule by records' dates has looked at them.
ALTER TABLE workflow_schedules ADD COLUMN looked_until INTEGER;
