-- Printed slips, a run of serials a row; written once. Which ticket a slip opens is a fact of the ticket.
CREATE TABLE slip_batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    node_id BIGINT NOT NULL REFERENCES node (id),
    first_running BIGINT NOT NULL CHECK (first_running >= 1),
    last_running BIGINT NOT NULL CHECK (last_running >= first_running),
    kiosk_id BIGINT REFERENCES setup_entry (id),
    printed_at BIGINT NOT NULL,
    UNIQUE (node_id, first_running)
);
CREATE INDEX slip_batch_kiosk_id_idx ON slip_batch (kiosk_id) WHERE kiosk_id IS NOT NULL;

-- The serial whose stub opens the ticket; each is bound once.
ALTER TABLE ticket ADD COLUMN slip TEXT;
CREATE UNIQUE INDEX ticket_slip_idx ON ticket (slip) WHERE slip IS NOT NULL;
