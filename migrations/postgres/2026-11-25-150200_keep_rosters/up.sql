-- Duty rosters lie among the set-up.
ALTER TABLE setup_entry DROP CONSTRAINT setup_entry_kind_check;
ALTER TABLE setup_entry ADD CONSTRAINT setup_entry_kind_check CHECK (kind IN
    ('unit', 'category', 'mailbox', 'kiosk', 'template', 'policy', 'calendar', 'official_year', 'roster'));
-- Who else was told of an emergency: names, for whoever reads the notice.
ALTER TABLE notice ADD COLUMN alerted TEXT;
