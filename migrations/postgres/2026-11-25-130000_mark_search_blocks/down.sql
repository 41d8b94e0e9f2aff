UPDATE ticket_search SET words = ts_delete(words, format('%s@%s', node_id, rowid >> 49));
