-- The checkpoint of kable-bulk, format 6 (PRAGMA user_version).
-- A change here is a new format: it takes an upgrade-N.sql that brings older files up to it.
-- Times are Unix milliseconds on this machine's clock unless said otherwise.

-- The one account that this checkpoint belongs to.
CREATE TABLE account (
    only            INTEGER PRIMARY KEY CHECK (only = 1),
    base_url        TEXT    NOT NULL,  -- the API's base URL, or the sandbox's file
    kable_client_id TEXT    NOT NULL,  -- Kable-Client-Id; the secret is never kept
    begun           INTEGER NOT NULL,  -- when the checkpoint was made
    gaps            INTEGER NOT NULL DEFAULT 0 -- 1: saved from a damaged checkpoint: customers may be missing
) STRICT;

-- Every run on it, the latest last.
CREATE TABLE run (
    id              INTEGER PRIMARY KEY,
    command         TEXT    NOT NULL,            -- the subcommand
    inputs          TEXT    NOT NULL,            -- the inputs as they were named, a JSON array
    fit_rows        INTEGER NOT NULL,            -- rows of the input that were fit to send
    began           INTEGER NOT NULL,
    changed         INTEGER NOT NULL,            -- when it last wrote something
    ended           TEXT,                        -- how it ended; null while it runs, or if it was killed
    elapsed_ms      INTEGER NOT NULL DEFAULT 0,
    sent            INTEGER NOT NULL DEFAULT 0,  -- requests, all of them
    retried         INTEGER NOT NULL DEFAULT 0,  -- of these, sent again after a first try
    throttled       INTEGER NOT NULL DEFAULT 0,  -- of these, answered 429
    lookups         INTEGER NOT NULL DEFAULT 0,  -- of these, questions whether a customer is there
    latencies       TEXT    NOT NULL DEFAULT '[]', -- [[microseconds, times], …], a JSON array
    clock_ahead_ms  INTEGER,                     -- the most that the server's clock can be ahead of ours
    pacing          TEXT    NOT NULL DEFAULT 'null', -- how fast it last was and what held it, a JSON object
    log             INTEGER NOT NULL DEFAULT 1,  -- 1: what was written next may stand in the log only; 0: all before it stands here
    landing_ms      INTEGER NOT NULL DEFAULT 0,  -- how long requests without an answer may take to land; 0: not known
    timeline        TEXT    NOT NULL DEFAULT 'null' -- what it did over time, a JSON object
) STRICT;

-- One row for every clientId that was ever claimed, in the order of claiming.
-- There is no index on client_id on purpose: appending must not slow down with
-- size, and a run joins the whole table with its input once, at its start.
-- That each client_id stands here once is the work of that join.
--
-- What was once known is never erased: a claim changes nothing but `doubt`, its
-- own columns and the digest of a row that was never settled. Once a customer was
-- deleted, another one may have its client_id: only its customer_id is kept then,
-- and `ours` is 0.
--
-- The statements of all tables fit on one page, comments within them included: only
-- then a damaged first page can be replaced (`rescue/salvage.rs`).
CREATE TABLE customer (
    id          INTEGER PRIMARY KEY,
    client_id   TEXT    NOT NULL,            -- the caller's id; never changes
    digest      BLOB    NOT NULL,            -- of the row as last settled, or as claimed if it never was; 16 bytes, zeros: not known
    run         INTEGER NOT NULL REFERENCES run (id), -- the run that claimed it
    claimed     INTEGER NOT NULL,            -- when it was claimed, before its request left
    outcome     TEXT,                        -- as last settled, also while in doubt; null: never settled
    ours        INTEGER NOT NULL DEFAULT 0,  -- 1: this checkpoint created the customer, whatever became of it since
    keys_lost   INTEGER NOT NULL DEFAULT 0,  -- 1: created, but the answer with its keys was lost
    customer_id TEXT,                        -- Kable's id
    request_id  TEXT,                        -- X-REQUEST-ID of the last answer
    attempts    INTEGER NOT NULL DEFAULT 0,  -- requests sent for it, in all runs
    status      INTEGER,                     -- HTTP status of the last answer
    message     TEXT,                        -- what the API said, or how the customer differs
    settled     INTEGER,                     -- when the outcome was known
    doubt       INTEGER NOT NULL DEFAULT 0,  -- 1: claimed and not settled since: something may have been sent
    claimed_by  INTEGER,                     -- on the server's clock, a moment not before the claim; null: not known
    created     INTEGER,                     -- when `ours` was first known
    orphan      INTEGER NOT NULL DEFAULT 0,  -- 1: asked for when its row had left the input
    modified    INTEGER,                     -- the customer's `modified` as last seen; null: not known
    differing   TEXT                         -- fields that differ, with Kable's values: a JSON object
) STRICT;
