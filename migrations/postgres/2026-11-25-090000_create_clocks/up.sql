-- Times are microseconds since the Unix epoch, UTC.

-- Policies and calendars that clocks are counted by; named by their content, so never changed.
CREATE TABLE sla_rules (
    digest TEXT PRIMARY KEY NOT NULL,
    body TEXT NOT NULL
);
CREATE TRIGGER sla_rules_refuses_change BEFORE UPDATE OR DELETE ON sla_rules
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sla_rules_refuses_truncate BEFORE TRUNCATE ON sla_rules
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE ticket ADD COLUMN next_alarm_at BIGINT;
ALTER TABLE ticket ADD COLUMN rules TEXT;
UPDATE ticket SET next_alarm_at = timer_at WHERE timer_at IS NOT NULL;
DROP INDEX ticket_timer_at_idx;
CREATE INDEX ticket_next_alarm_at_idx ON ticket (next_alarm_at) WHERE next_alarm_at IS NOT NULL;

CREATE TABLE clock (
    ticket_id BIGINT NOT NULL REFERENCES ticket (id),
    place BIGINT NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('accept', 'assign', 'acknowledge', 'contact', 'resolve', 'reply')),
    cycle BIGINT NOT NULL,
    nth BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'met', 'breached', 'void')),
    started_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    paused_at BIGINT,
    met_at BIGINT,
    breached_at BIGINT,
    alarm_at BIGINT,
    alarm TEXT,
    warned BIGINT,
    rules TEXT NOT NULL REFERENCES sla_rules (digest),
    details TEXT NOT NULL,
    PRIMARY KEY (ticket_id, place)
);

CREATE TABLE extension (
    ticket_id BIGINT NOT NULL REFERENCES ticket (id),
    id BIGINT NOT NULL,
    cycle BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('requested', 'granted', 'refused', 'lapsed')),
    requested_at BIGINT NOT NULL,
    decided_at BIGINT,
    PRIMARY KEY (ticket_id, id)
);
