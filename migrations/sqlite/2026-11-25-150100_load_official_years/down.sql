DROP INDEX clock_due_at_ticket_id_idx;
DROP INDEX notice_account_id_node_id_subject_idx;
DELETE FROM notice WHERE ticket_id IS NULL;
ALTER TABLE notice DROP COLUMN subject;
ALTER TABLE notice DROP COLUMN node_id;
DELETE FROM setup_entry WHERE kind = 'official_year';
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'ticket_id BIGINT', 'ticket_id BIGINT NOT NULL')
    WHERE type = 'table' AND name = 'notice';
UPDATE sqlite_schema SET sql = replace(sql, '''calendar'', ''official_year''', '''calendar''')
    WHERE type = 'table' AND name = 'setup_entry';
PRAGMA writable_schema = RESET;
