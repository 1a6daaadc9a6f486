-- From format 5 to format 6.
-- The comments stand inside the statements, as in upgrade-2.sql.
ALTER TABLE run ADD COLUMN timeline TEXT NOT NULL DEFAULT 'null'
    /* what it did over time, a JSON object; null: not known */;
