-- Times are microseconds since the Unix epoch, UTC. Texts that may name a person live in event_text only.

CREATE TABLE node (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('district', 'street', 'community', 'grid', 'building', 'place')),
    parent_id BIGINT REFERENCES node (id),
    path TEXT NOT NULL UNIQUE,
    time_zone TEXT NOT NULL,
    version BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE INDEX node_parent_id_idx ON node (parent_id);

CREATE TABLE setup_entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('unit', 'category', 'mailbox', 'kiosk', 'template', 'policy', 'calendar')),
    node_id BIGINT REFERENCES node (id),
    parent_id BIGINT REFERENCES setup_entry (id),
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    details TEXT NOT NULL,
    version BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE UNIQUE INDEX setup_entry_kind_node_id_code_idx ON setup_entry (kind, coalesce(node_id, 0), code);

CREATE TABLE device_token (
    kiosk_id BIGINT PRIMARY KEY NOT NULL REFERENCES setup_entry (id),
    token_hash BLOB NOT NULL UNIQUE,
    issued_at BIGINT NOT NULL,
    revoked_at BIGINT,
    last_seen_at BIGINT
);

CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT,
    password_hash TEXT NOT NULL,
    totp_secret TEXT,
    totp_last_step BIGINT,
    token_version BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE role_grant (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id BIGINT NOT NULL REFERENCES account (id),
    role TEXT NOT NULL CHECK (role IN ('clerk', 'triager', 'handler', 'supervisor', 'leader', 'auditor', 'admin')),
    node_id BIGINT NOT NULL REFERENCES node (id),
    unit_id BIGINT REFERENCES setup_entry (id)
);
CREATE UNIQUE INDEX role_grant_account_id_role_node_id_unit_id_idx
    ON role_grant (account_id, role, node_id, coalesce(unit_id, 0));

CREATE TABLE session (
    id TEXT PRIMARY KEY NOT NULL,
    account_id BIGINT NOT NULL REFERENCES account (id),
    refresh_hash BLOB NOT NULL,
    place TEXT,
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX session_account_id_idx ON session (account_id);

CREATE TABLE failed_attempt (
    scope TEXT NOT NULL,
    subject TEXT NOT NULL,
    n_failed BIGINT NOT NULL,
    window_started_at BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    PRIMARY KEY (scope, subject)
);

CREATE TABLE day_counter (
    node_id BIGINT NOT NULL REFERENCES node (id),
    day TEXT NOT NULL,
    last_number BIGINT NOT NULL,
    PRIMARY KEY (node_id, day)
);

CREATE TABLE ticket (
    id BIGINT PRIMARY KEY NOT NULL,
    number TEXT NOT NULL UNIQUE,
    node_id BIGINT NOT NULL REFERENCES node (id),
    handling_node_id BIGINT NOT NULL REFERENCES node (id),
    position BIGINT NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('received', 'accepted', 'assigned', 'in_progress', 'waiting', 'resolved',
        'replied', 'closed', 'declined', 'merged', 'withdrawn')),
    cycle BIGINT NOT NULL CHECK (cycle >= 1),
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    priority TEXT,
    category_id BIGINT REFERENCES setup_entry (id),
    building TEXT,
    channel TEXT NOT NULL,
    unit_id BIGINT REFERENCES setup_entry (id),
    assignee_id BIGINT REFERENCES account (id),
    answerable_unit_id BIGINT REFERENCES setup_entry (id),
    about_unit_id BIGINT REFERENCES setup_entry (id),
    mailbox_id BIGINT REFERENCES setup_entry (id),
    designated BOOLEAN NOT NULL,
    returned_in_cycle BOOLEAN NOT NULL,
    sealed BOOLEAN NOT NULL,
    suspected_emergency BOOLEAN NOT NULL,
    may_publish BOOLEAN NOT NULL,
    published BOOLEAN NOT NULL,
    attachments_expected BIGINT NOT NULL,
    receipt_issue BIGINT NOT NULL CHECK (receipt_issue >= 1),
    n_urges BIGINT NOT NULL,
    merged_into_id BIGINT REFERENCES ticket (id),
    status_before TEXT,
    waiting_for TEXT,
    outcome TEXT,
    resolved_by_id BIGINT REFERENCES account (id),
    rating_solved BOOLEAN,
    rating_satisfaction BIGINT,
    rating_cycle BIGINT,
    received_at BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    accepted_at BIGINT,
    assigned_at BIGINT,
    acknowledged_at BIGINT,
    resolved_at BIGINT,
    replied_at BIGINT,
    closed_at BIGINT,
    timer_at BIGINT,
    due_at BIGINT,
    updated_at BIGINT NOT NULL
);
CREATE INDEX ticket_node_id_position_idx ON ticket (node_id, position);
CREATE INDEX ticket_node_id_status_position_idx ON ticket (node_id, status, position);
-- Few are handled elsewhere or sealed: partial, so that a node's own queue does not pay for them.
CREATE INDEX ticket_handling_node_id_position_idx ON ticket (handling_node_id, position)
    WHERE handling_node_id <> node_id;
CREATE INDEX ticket_sealed_handling_node_id_position_idx ON ticket (handling_node_id, position) WHERE sealed;
CREATE INDEX ticket_unit_id_position_idx ON ticket (unit_id, position) WHERE unit_id IS NOT NULL;
CREATE INDEX ticket_timer_at_idx ON ticket (timer_at) WHERE timer_at IS NOT NULL;
CREATE INDEX ticket_merged_into_id_idx ON ticket (merged_into_id) WHERE merged_into_id IS NOT NULL;

CREATE TABLE ticket_supporting (
    ticket_id BIGINT NOT NULL REFERENCES ticket (id),
    unit_id BIGINT NOT NULL REFERENCES setup_entry (id),
    PRIMARY KEY (ticket_id, unit_id)
);
CREATE INDEX ticket_supporting_unit_id_ticket_id_idx ON ticket_supporting (unit_id, ticket_id);

CREATE TABLE reply (
    ticket_id BIGINT NOT NULL REFERENCES ticket (id),
    id BIGINT NOT NULL,
    cycle BIGINT NOT NULL,
    channel TEXT NOT NULL,
    delivery TEXT NOT NULL CHECK (delivery IN ('awaiting_approval', 'queued', 'sent', 'delivered', 'failed', 'logged')),
    written_by_id BIGINT REFERENCES account (id),
    written_at BIGINT NOT NULL,
    settled_at BIGINT,
    PRIMARY KEY (ticket_id, id)
);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    ticket_id BIGINT NOT NULL REFERENCES ticket (id),
    reply_id BIGINT NOT NULL,
    channel TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'delivered', 'given_up', 'cancelled')),
    n_attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    leased_until BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    UNIQUE (ticket_id, reply_id, channel)
);
CREATE INDEX outbox_next_attempt_at_idx ON outbox (next_attempt_at, id) WHERE state IN ('queued', 'sending');

CREATE TABLE event (
    id BIGINT PRIMARY KEY NOT NULL,
    stream TEXT NOT NULL CHECK (stream IN ('ticket', 'setup', 'collection')),
    stream_id BIGINT NOT NULL,
    seq BIGINT NOT NULL CHECK (seq >= 1),
    type TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id BIGINT,
    actor_name TEXT,
    place TEXT,
    data TEXT NOT NULL,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (stream, stream_id, seq)
);
CREATE TRIGGER event_refuses_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the trail is append-only: UPDATE refused'); END;
CREATE TRIGGER event_refuses_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the trail is append-only: DELETE refused'); END;
-- REPLACE deletes the old row without the DELETE trigger, so an id or place in a chain that exists is refused here.
CREATE TRIGGER event_refuses_replace BEFORE INSERT ON event
WHEN NEW.id IS NULL OR NEW.id <= coalesce((SELECT max(id) FROM event), 0)
    OR EXISTS (SELECT 1 FROM event WHERE stream = NEW.stream AND stream_id = NEW.stream_id AND seq >= NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the trail is append-only: REPLACE refused'); END;

CREATE TABLE event_head (
    stream TEXT NOT NULL,
    stream_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    hash BLOB NOT NULL,
    seal BLOB NOT NULL,
    key_id TEXT NOT NULL,
    PRIMARY KEY (stream, stream_id)
);
-- A head only moves on with its chain.
CREATE TRIGGER event_head_refuses_lowering BEFORE UPDATE ON event_head
WHEN NEW.seq <= OLD.seq OR NEW.stream <> OLD.stream OR NEW.stream_id <> OLD.stream_id
BEGIN SELECT RAISE(ABORT, 'the trail is append-only: UPDATE refused'); END;
CREATE TRIGGER event_head_refuses_delete BEFORE DELETE ON event_head
BEGIN SELECT RAISE(ABORT, 'the trail is append-only: DELETE refused'); END;
CREATE TRIGGER event_head_refuses_replace BEFORE INSERT ON event_head
WHEN EXISTS (SELECT 1 FROM event_head WHERE stream = NEW.stream AND stream_id = NEW.stream_id)
BEGIN SELECT RAISE(ABORT, 'the trail is append-only: REPLACE refused'); END;

-- What people wrote and who they are, beside the log; erased with its salt, never changed.
CREATE TABLE event_text (
    ticket_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    salt BLOB NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (ticket_id, seq, name)
);
CREATE TRIGGER event_text_refuses_update BEFORE UPDATE ON event_text
BEGIN SELECT RAISE(ABORT, 'texts of the trail are never changed: UPDATE refused'); END;
CREATE TRIGGER event_text_refuses_replace BEFORE INSERT ON event_text
WHEN EXISTS (SELECT 1 FROM event_text WHERE ticket_id = NEW.ticket_id AND seq = NEW.seq AND name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'texts of the trail are never changed: REPLACE refused'); END;

CREATE TABLE phone_index (
    ticket_id BIGINT PRIMARY KEY NOT NULL REFERENCES ticket (id),
    phone_hmac BLOB NOT NULL
);
CREATE INDEX phone_index_phone_hmac_idx ON phone_index (phone_hmac);

CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    ticket_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (scope, key_hash)
);
CREATE INDEX idempotency_expires_at_idx ON idempotency (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE contact_view_count (
    account_id BIGINT NOT NULL REFERENCES account (id),
    day TEXT NOT NULL,
    n_views BIGINT NOT NULL,
    PRIMARY KEY (account_id, day)
);

-- Rows are keyed by ticket.position, so that the index walks newest first.
CREATE VIRTUAL TABLE ticket_search USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0"
);
