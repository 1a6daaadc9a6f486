-- From format 3 to format 4.
-- The comments stand inside the statements, as in upgrade-2.sql.
ALTER TABLE run ADD COLUMN landing_ms INTEGER NOT NULL DEFAULT 0
    /* how long its requests may take to land after they got no answer; 0: not known */;
