-- A checkpoint of format 5, frozen: the schema as it was, and six customers.
-- Never mend this file: it stands for files that people have.

PRAGMA application_id = 1801612395;
PRAGMA user_version = 5;

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
    changed         INTEGER NOT NULL,            -- when something was last written
    ended           TEXT,                        -- how it ended; null while it runs, or if it was killed
    elapsed_ms      INTEGER NOT NULL DEFAULT 0,
    sent            INTEGER NOT NULL DEFAULT 0,  -- requests, all of them
    retried         INTEGER NOT NULL DEFAULT 0,  -- of these, sent again after a first try
    throttled       INTEGER NOT NULL DEFAULT 0,  -- of these, answered 429
    lookups         INTEGER NOT NULL DEFAULT 0,  -- of these, questions whether a customer is there
    latencies       TEXT    NOT NULL DEFAULT '[]', -- [[microseconds, times], …], a JSON array
    clock_ahead_ms  INTEGER,                     -- the most that the server's clock can be ahead of ours
    pacing          TEXT    NOT NULL DEFAULT 'null', -- how fast it last was and what held it, a JSON object; null: not known
    log             INTEGER NOT NULL DEFAULT 1,  -- 1: what was written next may stand in the log only; 0: all that was written before stands here
    landing_ms      INTEGER NOT NULL DEFAULT 0   -- how long its requests may take to land after they got no answer; 0: not known
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

INSERT INTO account VALUES (1, 'http://127.0.0.1:8791', 'kci_5a6d0c1e5a6d0c1e5a6d0c1e5a6d0c1e', 1795355219193, 0);
INSERT INTO run VALUES (1, 'import', '["in.csv"]', 6, 1795355219197, 1795355219228, 'finished', 29, 1, 0, 0, 0, '[[3823,1]]', 798, 'null', 1, 60000);
INSERT INTO run VALUES (2, 'import', '["in.csv"]', 6, 1795355319197, 1795355319228, 'interrupted', 29, 1, 0, 0, 0, '[]', NULL, 'null', 1, 60000);
INSERT INTO customer VALUES (1, 'c-1', X'EA0EF31DA329990D4E179288AC6338EC', 1, 1795355219200, 'created', 1, 0, 'cus_0000000000000000f1de83e1', 'req_a833bdcdb6d1beb4', 1, 201, NULL, 1795355219228, 0, 1795355219998, 1795355219228, 0, 1795355219228, NULL);
INSERT INTO customer VALUES (2, 'c-2', X'85B89F195BFCB8C759B0A0327CD9010E', 1, 1795355219202, NULL, 0, 0, NULL, NULL, 0, NULL, NULL, NULL, 1, 1795355220000, NULL, 0, NULL, NULL);
INSERT INTO customer VALUES (3, 'c-3', X'D3E5F54A64C9F3FADDBB2BCE47B69592', 1, 1795355219203, 'failed', 0, 0, NULL, 'req_a833bdcdb6d1beb5', 2, 422, 'currency is not supported', 1795355219230, 0, 1795355220001, NULL, 0, NULL, '{"currency":"EUR"}');
INSERT INTO customer VALUES (4, 'c-4', X'A3E5F54A64C9F3FADDBB2BCE47B69592', 1, 1795355219204, NULL, 0, 0, NULL, NULL, 3, 500, 'internal error', 1795355219231, 1, 1795355220002, NULL, 0, NULL, NULL);
INSERT INTO customer VALUES (5, 'c-5', X'B3E5F54A64C9F3FADDBB2BCE47B69592', 2, 1795355319205, NULL, 1, 0, 'cus_0000000000000000f1de83e2', NULL, 1, 201, NULL, NULL, 1, NULL, 1795355319205, 0, NULL, NULL);
INSERT INTO customer VALUES (6, 'c-6', X'C3E5F54A64C9F3FADDBB2BCE47B69592', 1, 1795355219206, 'pending', 0, 0, NULL, NULL, 0, NULL, NULL, 1795355219232, 0, 1795355220004, NULL, 0, NULL, NULL);
