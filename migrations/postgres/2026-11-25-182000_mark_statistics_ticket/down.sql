DROP INDEX statistics_ticket_hints_node_id_received_at_idx;
ALTER TABLE statistics_ticket DROP COLUMN hints;
ALTER TABLE statistics_ticket DROP COLUMN done;
UPDATE statistics_follower SET definitions = 0;
