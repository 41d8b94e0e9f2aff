DROP TABLE extension;
DROP TABLE clock;
DROP INDEX ticket_next_alarm_at_idx;
CREATE INDEX ticket_timer_at_idx ON ticket (timer_at) WHERE timer_at IS NOT NULL;
ALTER TABLE ticket DROP COLUMN rules;
ALTER TABLE ticket DROP COLUMN next_alarm_at;
DROP TABLE sla_rules;
