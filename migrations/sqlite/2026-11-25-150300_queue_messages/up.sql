-- What leaves by machine and answers nobody: notices to staff, word of a new date to a resident.
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('digest', 'emergency', 'extension')),
    account_id BIGINT REFERENCES account (id),
    ticket_id BIGINT REFERENCES ticket (id),
    extension_id BIGINT,
    channel TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'delivered', 'given_up', 'cancelled')),
    n_attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    leased_until BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    CHECK (account_id IS NOT NULL OR ticket_id IS NOT NULL)
);
CREATE INDEX message_channel_next_attempt_at_id_idx ON message (channel, next_attempt_at, id)
    WHERE state IN ('queued', 'sending');
CREATE INDEX message_account_id_created_at_idx ON message (account_id, created_at) WHERE kind = 'digest';
ALTER TABLE notice ADD COLUMN message_id BIGINT REFERENCES message (id);
CREATE INDEX notice_message_id_idx ON notice (message_id) WHERE message_id IS NOT NULL;
-- Those that no mail has told of yet.
CREATE INDEX notice_account_id_idx ON notice (account_id) WHERE message_id IS NULL AND read_at IS NULL;
