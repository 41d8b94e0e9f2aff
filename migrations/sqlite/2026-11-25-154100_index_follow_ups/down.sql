DROP INDEX notice_ticket_id_kind_idx;
DROP INDEX ticket_replied_at_id_idx;
