DROP INDEX clock_due_at_ticket_id_idx;
DROP INDEX notice_account_id_node_id_subject_idx;
DELETE FROM notice WHERE ticket_id IS NULL;
ALTER TABLE notice DROP COLUMN subject;
ALTER TABLE notice DROP COLUMN node_id;
ALTER TABLE notice ALTER COLUMN ticket_id SET NOT NULL;
DELETE FROM setup_entry WHERE kind = 'official_year';
ALTER TABLE setup_entry DROP CONSTRAINT setup_entry_kind_check;
ALTER TABLE setup_entry ADD CONSTRAINT setup_entry_kind_check CHECK (kind IN
    ('unit', 'category', 'mailbox', 'kiosk', 'template', 'policy', 'calendar'));
