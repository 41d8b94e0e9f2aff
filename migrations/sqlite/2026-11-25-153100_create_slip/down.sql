DROP INDEX ticket_slip_idx;
ALTER TABLE ticket DROP COLUMN slip;
DROP TABLE slip_batch;
