-- When the texts, files and contact of a ticket were erased on demand (PRODUCT §6).
ALTER TABLE ticket ADD COLUMN erased_at BIGINT;
