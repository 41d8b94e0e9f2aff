-- One opening of one mailbox: what its events add up to. Names, seals and notes lie in collection_text.
CREATE TABLE collection (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    mailbox_id BIGINT NOT NULL REFERENCES setup_entry (id),
    node_id BIGINT NOT NULL REFERENCES node (id),
    version BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    letters_counted BIGINT NOT NULL CHECK (letters_counted >= 0),
    n_registered BIGINT NOT NULL,
    n_set_aside BIGINT NOT NULL,
    opener_1_id BIGINT REFERENCES account (id),
    opener_2_id BIGINT REFERENCES account (id),
    confirmed_1_at BIGINT,
    confirmed_2_at BIGINT,
    closed_at BIGINT,
    n_unaccounted BIGINT,
    CHECK (n_registered + n_set_aside <= letters_counted)
);
CREATE INDEX collection_mailbox_id_opened_at_idx ON collection (mailbox_id, opened_at);
CREATE INDEX collection_node_id_id_idx ON collection (node_id, id);

CREATE TABLE collection_letter (
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    id BIGINT NOT NULL CHECK (id >= 1),
    set_aside TEXT CHECK (set_aside IN ('blank', 'thanks', 'advert', 'misdirected', 'valuables', 'unreadable',
        'handed_over')),
    put_in_on TEXT,
    slip TEXT,
    n_tickets BIGINT NOT NULL,
    registered_at BIGINT NOT NULL,
    PRIMARY KEY (collection_id, id)
);

-- As event_text, for the chains of collections.
CREATE TABLE collection_text (
    collection_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    salt BLOB NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (collection_id, seq, name)
);

-- What was answered under an Idempotency-Key: a collection, or one of its letters.
CREATE TABLE collection_key (
    account_id BIGINT NOT NULL REFERENCES account (id),
    route TEXT NOT NULL CHECK (route IN ('collections', 'letters')),
    key_hash BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    collection_id BIGINT NOT NULL REFERENCES collection (id),
    letter_id BIGINT,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, route, key_hash)
);
CREATE INDEX collection_key_expires_at_idx ON collection_key (expires_at);

-- A ticket that came on paper: the letter it was in.
ALTER TABLE ticket ADD COLUMN collection_id BIGINT;
ALTER TABLE ticket ADD COLUMN letter_id BIGINT;
CREATE INDEX ticket_collection_id_letter_id_idx ON ticket (collection_id, letter_id) WHERE collection_id IS NOT NULL;

CREATE TRIGGER collection_text_refuses_update BEFORE UPDATE ON collection_text
BEGIN SELECT RAISE(ABORT, 'texts of the trail are never changed: UPDATE refused'); END;
CREATE TRIGGER collection_text_refuses_replace BEFORE INSERT ON collection_text
WHEN EXISTS (SELECT 1 FROM collection_text
    WHERE collection_id = NEW.collection_id AND seq = NEW.seq AND name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'texts of the trail are never changed: REPLACE refused'); END;
