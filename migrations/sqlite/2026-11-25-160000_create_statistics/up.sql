-- Roll-ups of the figures: they follow the events and can be made anew from them. Times are microseconds, UTC.

-- Events that are not counted yet. Each is put here by the transaction that wrote it, so none is missed however
-- late it commits, and taken away by the one that counts it.
CREATE TABLE statistics_pending (
    event_id BIGINT PRIMARY KEY NOT NULL,
    ticket_id BIGINT NOT NULL
);

-- One row: up to which event everything was counted, and by which definitions.
CREATE TABLE statistics_follower (
    id BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
    definitions BIGINT NOT NULL,
    position BIGINT NOT NULL,
    followed_at BIGINT NOT NULL
);
INSERT INTO statistics_follower VALUES (1, 0, 0, 0);

-- What each ticket adds, so that it can be taken out when its events move. Empty texts stand for none.
CREATE TABLE statistics_ticket (
    ticket_id BIGINT PRIMARY KEY NOT NULL,
    seq BIGINT NOT NULL,
    node_id BIGINT NOT NULL,
    sealed_node_id BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    is_open BOOLEAN NOT NULL,
    due_at BIGINT,
    unit TEXT NOT NULL,
    category TEXT NOT NULL,
    source TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    building TEXT NOT NULL,
    priority TEXT NOT NULL,
    kind TEXT NOT NULL,
    numerators BIGINT NOT NULL,
    denominators BIGINT NOT NULL,
    missed BIGINT NOT NULL,
    excluded BIGINT NOT NULL,
    counts BLOB NOT NULL,
    times BLOB NOT NULL
);
CREATE INDEX statistics_ticket_node_id_received_at_idx ON statistics_ticket (node_id, received_at, ticket_id);
CREATE INDEX statistics_ticket_open_node_id_idx ON statistics_ticket (node_id, ticket_id) WHERE is_open;

-- Sums for ever (0), for a month (202611) and for a day (20261123), by one dimension. The key is all of the others.
CREATE TABLE statistics_count (
    key TEXT PRIMARY KEY NOT NULL,
    node_id BIGINT NOT NULL,
    sealed_node_id BIGINT NOT NULL,
    dimension TEXT NOT NULL,
    period BIGINT NOT NULL,
    value TEXT NOT NULL,
    sums BLOB NOT NULL
);
CREATE INDEX statistics_count_node_id_dimension_period_idx ON statistics_count (node_id, dimension, period, value);

-- The same for times, apart because they are long and move less often.
CREATE TABLE statistics_time (
    key TEXT PRIMARY KEY NOT NULL,
    node_id BIGINT NOT NULL,
    sealed_node_id BIGINT NOT NULL,
    dimension TEXT NOT NULL,
    period BIGINT NOT NULL,
    value TEXT NOT NULL,
    sums BLOB NOT NULL
);
CREATE INDEX statistics_time_node_id_dimension_period_idx ON statistics_time (node_id, dimension, period, value);

CREATE TRIGGER event_waits_for_statistics AFTER INSERT ON event WHEN NEW.stream = 'ticket'
BEGIN
    INSERT INTO statistics_pending (event_id, ticket_id) VALUES (NEW.id, NEW.stream_id);
END;
