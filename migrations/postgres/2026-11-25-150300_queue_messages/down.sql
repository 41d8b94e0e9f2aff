DROP INDEX notice_account_id_idx;
DROP INDEX notice_message_id_idx;
ALTER TABLE notice DROP COLUMN message_id;
DROP TABLE message;
