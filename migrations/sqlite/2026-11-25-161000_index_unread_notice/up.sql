-- How many notices a person has not read stands at the head of each page.
CREATE INDEX notice_unread_idx ON notice (account_id, id) WHERE read_at IS NULL;
