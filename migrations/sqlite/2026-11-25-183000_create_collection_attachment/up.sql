-- The photo of an opening (no letter) and scans of its letters, under the letter's number also before it is
-- registered. The files lie in the data folder; the events hold their hashes.
CREATE TABLE collection_attachment (
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    id BIGINT NOT NULL CHECK (id >= 1),
    letter_id BIGINT CHECK (letter_id >= 1),
    media TEXT NOT NULL CHECK (media IN ('image/jpeg', 'application/pdf')),
    -- The tickets of the letter name the same file.
    file TEXT NOT NULL,
    n_bytes BIGINT NOT NULL CHECK (n_bytes > 0),
    sha256 TEXT NOT NULL,
    thumbnail_sha256 TEXT,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (collection_id, id)
);
CREATE INDEX collection_attachment_file_idx ON collection_attachment (file);
