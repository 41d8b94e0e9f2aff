DROP INDEX notice_unread_idx;
