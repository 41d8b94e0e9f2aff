-- Official years lie among the set-up.
ALTER TABLE setup_entry DROP CONSTRAINT setup_entry_kind_check;
ALTER TABLE setup_entry ADD CONSTRAINT setup_entry_kind_check CHECK (kind IN
    ('unit', 'category', 'mailbox', 'kiosk', 'template', 'policy', 'calendar', 'official_year'));
-- A notice may be about a node and not a ticket.
ALTER TABLE notice ALTER COLUMN ticket_id DROP NOT NULL;
ALTER TABLE notice ADD COLUMN node_id BIGINT REFERENCES node (id);
ALTER TABLE notice ADD COLUMN subject TEXT;
-- A missing year is told once to each admin of a node.
CREATE UNIQUE INDEX notice_account_id_node_id_subject_idx ON notice (account_id, node_id, subject)
    WHERE kind = 'calendar_missing';
-- Clocks that wait for a year's official days, soonest due first.
CREATE INDEX clock_due_at_ticket_id_idx ON clock (due_at, ticket_id)
    WHERE state IN ('running', 'paused') AND details LIKE '%"provisional":true%';
