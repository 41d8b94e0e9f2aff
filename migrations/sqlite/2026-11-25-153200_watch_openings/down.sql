DROP TABLE mailbox_watch;
DROP TABLE due_opening;
