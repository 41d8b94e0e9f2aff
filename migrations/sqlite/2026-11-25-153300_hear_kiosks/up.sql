-- What a device last said of itself; nobody's fact but its own, so not in the trail.
ALTER TABLE device_token ADD COLUMN heard_at BIGINT;
ALTER TABLE device_token ADD COLUMN clock_skew_ms BIGINT;
ALTER TABLE device_token ADD COLUMN n_waiting BIGINT;
