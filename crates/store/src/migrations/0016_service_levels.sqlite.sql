-- Who is away: from an instant until another, or until they say otherwise.
ALTER TABLE memberships ADD COLUMN away_from INTEGER;
ALTER TABLE memberships ADD COLUMN away_until INTEGER;
-- When an open ticket is to be answered.
ALTER TABLE tickets ADD COLUMN due_at INTEGER;
