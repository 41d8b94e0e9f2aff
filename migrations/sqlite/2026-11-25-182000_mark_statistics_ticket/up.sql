-- What became of each ticket so far, and which hints it gives. The roll-ups are made anew, as their definitions moved.
ALTER TABLE statistics_ticket ADD COLUMN done TEXT NOT NULL DEFAULT 'open';
ALTER TABLE statistics_ticket ADD COLUMN hints BIGINT NOT NULL DEFAULT 0;
CREATE INDEX statistics_ticket_hints_node_id_received_at_idx ON statistics_ticket (node_id, received_at)
    WHERE hints <> 0;
