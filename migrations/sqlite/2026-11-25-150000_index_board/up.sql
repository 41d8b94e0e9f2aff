-- The board reads what is published, newest first, and touches no other ticket.
CREATE INDEX ticket_published_position_idx ON ticket (position) WHERE published;
