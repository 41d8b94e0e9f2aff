-- Staff work by time left: each lane of their list (a node's or unit's tickets in one status) is read in the order
-- in which they are due.
CREATE INDEX ticket_node_id_status_due_at_idx ON ticket (node_id, status, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ticket_unit_id_status_due_at_idx ON ticket (unit_id, status, due_at)
    WHERE unit_id IS NOT NULL AND due_at IS NOT NULL;
-- What waits for a supervisor's decision.
CREATE INDEX extension_requested_idx ON extension (requested_at, ticket_id) WHERE state = 'requested';
CREATE INDEX reply_awaiting_approval_idx ON reply (written_at, ticket_id) WHERE delivery = 'awaiting_approval';
