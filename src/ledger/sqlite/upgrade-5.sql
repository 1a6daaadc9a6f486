-- From format 4 to format 5.
-- The comments stand inside the statements, as in upgrade-2.sql.
ALTER TABLE customer ADD COLUMN modified INTEGER
    /* the customer's `modified` as last seen; null: not known */;
ALTER TABLE customer ADD COLUMN differing TEXT
    /* fields that differ, with Kable's values: a JSON object */;
