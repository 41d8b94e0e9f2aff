-- SQLite walks its index newest first by itself; the step is here so that both trees have the same.
SELECT 1;
