-- How many runs began in the period before the present one.
ALTER TABLE entry_windows ADD COLUMN taken_before INTEGER NOT NULL DEFAULT 0;
