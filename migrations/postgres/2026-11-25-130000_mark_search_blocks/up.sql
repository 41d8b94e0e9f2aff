-- One more word for each ticket: the node and the six days in which it was received (domain::search::BLOCK_BITS),
-- so that the index can be asked for the newest part first.
UPDATE ticket_search SET words = words || format('''%s@%s''', node_id, rowid >> 49)::tsvector;
