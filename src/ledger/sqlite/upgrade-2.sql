-- From format 1 to format 2.
-- The comment stands inside the statement so that it stands in the file as well,
-- and is no `--` comment because SQLite puts its ")" behind it.
ALTER TABLE run ADD COLUMN pacing TEXT NOT NULL DEFAULT 'null'
    /* how fast it last was and what held it, a JSON object; null: not known */;
ALTER TABLE account ADD COLUMN gaps INTEGER NOT NULL DEFAULT 0
    /* 1: saved from a damaged checkpoint: there may be customers that were sent and do not stand here */;
