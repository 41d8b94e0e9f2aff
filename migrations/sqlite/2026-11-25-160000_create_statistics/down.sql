DROP TRIGGER event_waits_for_statistics;
DROP TABLE statistics_time;
DROP TABLE statistics_count;
DROP TABLE statistics_ticket;
DROP TABLE statistics_follower;
DROP TABLE statistics_pending;
