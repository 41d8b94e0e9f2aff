-- Openings that schedules asked for, each once its time has passed; never changed, as schedules are.
CREATE TABLE due_opening (
    mailbox_id BIGINT NOT NULL REFERENCES setup_entry (id),
    since_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (mailbox_id, due_at)
);
CREATE INDEX due_opening_due_at_mailbox_id_idx ON due_opening (due_at, mailbox_id);

-- Up to when each mailbox was looked at, by which schedule, and when it is to be looked at again.
CREATE TABLE mailbox_watch (
    mailbox_id BIGINT PRIMARY KEY NOT NULL REFERENCES setup_entry (id),
    schedule TEXT,
    looked_at BIGINT NOT NULL,
    look_at BIGINT
);
CREATE INDEX mailbox_watch_look_at_mailbox_id_idx ON mailbox_watch (look_at, mailbox_id) WHERE look_at IS NOT NULL;
INSERT INTO mailbox_watch (mailbox_id, looked_at, look_at) SELECT id, 0, 0 FROM setup_entry WHERE kind = 'mailbox';
