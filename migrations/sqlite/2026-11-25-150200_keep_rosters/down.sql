ALTER TABLE notice DROP COLUMN alerted;
DELETE FROM setup_entry WHERE kind = 'roster';
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''official_year'', ''roster''', '''official_year''')
    WHERE type = 'table' AND name = 'setup_entry';
PRAGMA writable_schema = RESET;
