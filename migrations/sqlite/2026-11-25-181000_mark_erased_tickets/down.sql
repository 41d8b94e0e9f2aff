ALTER TABLE ticket DROP COLUMN erased_at;
