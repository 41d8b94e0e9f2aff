DROP INDEX ticket_collection_id_letter_id_idx;
ALTER TABLE ticket DROP COLUMN letter_id;
ALTER TABLE ticket DROP COLUMN collection_id;
DROP TABLE collection_key;
DROP TABLE collection_text;
DROP TABLE collection_letter;
DROP TABLE collection;
