ALTER TABLE device_token DROP COLUMN n_waiting;
ALTER TABLE device_token DROP COLUMN clock_skew_ms;
ALTER TABLE device_token DROP COLUMN heard_at;
