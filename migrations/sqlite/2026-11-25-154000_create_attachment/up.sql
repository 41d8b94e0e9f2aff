-- Attachments of tickets. The files lie in the data folder; the events hold their hashes, so a missing or changed one is found.
CREATE TABLE attachment (
    ticket_id BIGINT NOT NULL REFERENCES ticket (id),
    id BIGINT NOT NULL,
    cycle BIGINT NOT NULL,
    media TEXT NOT NULL CHECK (media IN ('image/jpeg', 'application/pdf', 'audio/webm', 'audio/ogg', 'audio/mp4')),
    -- One scan may serve several tickets, so a file's name is not unique.
    file TEXT NOT NULL,
    n_bytes BIGINT NOT NULL CHECK (n_bytes > 0),
    sha256 TEXT NOT NULL,
    thumbnail_sha256 TEXT,
    duration_ms BIGINT,
    by_resident BOOLEAN NOT NULL,
    shown BOOLEAN NOT NULL,
    added_by_id BIGINT,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, id)
);
CREATE INDEX attachment_file_idx ON attachment (file);
