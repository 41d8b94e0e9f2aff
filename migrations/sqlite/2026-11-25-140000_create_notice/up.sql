-- The inbox of each person: what happened to tickets in their care. Read and gone; the trail keeps the facts.
CREATE TABLE notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id BIGINT NOT NULL REFERENCES account (id),
    ticket_id BIGINT NOT NULL REFERENCES ticket (id),
    kind TEXT NOT NULL,
    stage TEXT,
    percent BIGINT,
    level TEXT,
    due_at BIGINT,
    created_at BIGINT NOT NULL,
    read_at BIGINT
);
CREATE INDEX notice_account_id_id_idx ON notice (account_id, id);
