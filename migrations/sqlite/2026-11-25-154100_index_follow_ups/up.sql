-- Answered tickets by the time of their reply, for call-backs, and whether somebody was told of one.
CREATE INDEX ticket_replied_at_id_idx ON ticket (replied_at, id) WHERE status = 'replied';
CREATE INDEX notice_ticket_id_kind_idx ON notice (ticket_id, kind);
