ALTER TABLE notice DROP COLUMN alerted;
DELETE FROM setup_entry WHERE kind = 'roster';
ALTER TABLE setup_entry DROP CONSTRAINT setup_entry_kind_check;
ALTER TABLE setup_entry ADD CONSTRAINT setup_entry_kind_check CHECK (kind IN
    ('unit', 'category', 'mailbox', 'kiosk', 'template', 'policy', 'calendar', 'official_year'));
