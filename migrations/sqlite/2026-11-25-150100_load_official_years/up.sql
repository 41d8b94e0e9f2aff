-- Official years lie among the set-up. A CHECK and a NOT NULL are widened where they are written: no row changes,
-- which is what https://sqlite.org/lang_altertable.html#otheralter keeps this way for.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''calendar''', '''calendar'', ''official_year''')
    WHERE type = 'table' AND name = 'setup_entry';
-- A notice may be about a node and not a ticket.
UPDATE sqlite_schema SET sql = replace(sql, 'ticket_id BIGINT NOT NULL', 'ticket_id BIGINT')
    WHERE type = 'table' AND name = 'notice';
PRAGMA writable_schema = RESET;
ALTER TABLE notice ADD COLUMN node_id BIGINT REFERENCES node (id);
ALTER TABLE notice ADD COLUMN subject TEXT;
-- A missing year is told once to each admin of a node.
CREATE UNIQUE INDEX notice_account_id_node_id_subject_idx ON notice (account_id, node_id, subject)
    WHERE kind = 'calendar_missing';
-- Clocks that wait for a year's official days, soonest due first.
CREATE INDEX clock_due_at_ticket_id_idx ON clock (due_at, ticket_id)
    WHERE state IN ('running', 'paused') AND details LIKE '%"provisional":true%';
