-- Duty rosters lie among the set-up; see the step before for why this is written into the schema table.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''official_year''', '''official_year'', ''roster''')
    WHERE type = 'table' AND name = 'setup_entry';
PRAGMA writable_schema = RESET;
-- Who else was told of an emergency: names, for whoever reads the notice.
ALTER TABLE notice ADD COLUMN alerted TEXT;
