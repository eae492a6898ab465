-- Which programs can work with the store after a migration: the newest migration that the oldest of them knows.
ALTER TABLE schema_migrations ADD COLUMN works_with {id};
