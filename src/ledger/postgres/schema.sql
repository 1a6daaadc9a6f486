-- A checkpoint of kable-bulk, format 3. A change here is a new format: it takes an upgrade
-- step that brings older schemas up to it. "kb" stands for the schema.
-- Times in bigint are Unix milliseconds of the machine that wrote them; leases are kept on
-- the database's clock alone.

CREATE TABLE kb.account (
    single          boolean PRIMARY KEY DEFAULT true CHECK (single),
    format          integer NOT NULL,
    base_url        text    NOT NULL,            -- the API's base URL, or the sandbox's file
    kable_client_id text    NOT NULL,            -- Kable-Client-Id; the secret is never kept
    begun           bigint  NOT NULL,
    gaps            boolean NOT NULL DEFAULT false, -- customers may be missing
    timeline        bigint,                      -- of the write-ahead log, when a worker last connected
    claims_after    timestamptz                  -- no claim is granted before: requests of lost ones may live
);

-- Every process that ever wrote. A number is never used again: every statement that writes
-- locks the worker's own row and finds it live, or writes nothing.
CREATE TABLE kb.worker (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session    bigint,                           -- the first of the workers that belong together; null: itself
    shares     boolean NOT NULL,                 -- whether others may join its session
    first_id   bigint  NOT NULL,                 -- the first claim that its session may have made
    runs       bigint  NOT NULL,                 -- the last run before its session
    run        bigint,                           -- the run that it works on
    host       text    NOT NULL,
    process    bigint  NOT NULL,
    state      text    NOT NULL DEFAULT 'live',  -- live, left, dead
    joined     timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat       timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires    timestamptz NOT NULL,
    gone       timestamptz,                      -- when it was found not to be live any more
    quarantine interval NOT NULL,                -- how long after that its requests may live
    batch      bigint  NOT NULL DEFAULT 0,       -- the number of the last batch that it wrote
    nonce      bigint                            -- a random number, by which it finds itself again
);
CREATE INDEX worker_live ON kb.worker (id) WHERE state = 'live';

CREATE TABLE kb.run (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session  bigint NOT NULL,
    command  text   NOT NULL,
    inputs   text   NOT NULL,                    -- as they were named, a JSON array
    fit_rows bigint NOT NULL,
    began    bigint NOT NULL,
    changed  bigint NOT NULL,
    ended    text,                               -- how it ended; null while it runs, or if it was killed
    input    bytea,                              -- of a run that is shared: the digest of its input
    options  text,                               -- and what else its workers agree on, a JSON array
    stop     text                                -- why a worker stopped it for all
);

-- What one worker did in one run.
CREATE TABLE kb.figures (
    run            bigint NOT NULL,
    worker         bigint NOT NULL,
    changed        bigint NOT NULL,
    elapsed_ms     bigint NOT NULL DEFAULT 0,
    sent           bigint NOT NULL DEFAULT 0,
    retried        bigint NOT NULL DEFAULT 0,
    throttled      bigint NOT NULL DEFAULT 0,
    lookups        bigint NOT NULL DEFAULT 0,
    latencies      text   NOT NULL DEFAULT '[]',
    clock_ahead_ms bigint,
    pacing         text   NOT NULL DEFAULT 'null',
    landing_ms     bigint NOT NULL DEFAULT 0,
    timeline       text   NOT NULL DEFAULT 'null',
    settled        bigint NOT NULL DEFAULT 0,
    failed         bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (run, worker)
);

-- The parts of the input of a run that is shared.
CREATE TABLE kb.part (
    run        bigint  NOT NULL,
    no         integer NOT NULL,
    worker     bigint,                           -- who works on it
    done       boolean NOT NULL DEFAULT false,
    not_before timestamptz,                      -- when it may be leased again
    PRIMARY KEY (run, no)
) WITH (fillfactor = 70);
CREATE INDEX part_open ON kb.part (run, no) WHERE NOT done;

-- The starts of requests, in microseconds of the database's clock.
CREATE TABLE kb.pace (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    next_us bigint  NOT NULL DEFAULT 0,          -- when the next request may start
    held_us bigint  NOT NULL DEFAULT 0,          -- no request starts before
    probe_us bigint NOT NULL DEFAULT 0,          -- until when one worker asks whether the API is back
    seen_us bigint  NOT NULL DEFAULT 0,          -- what the clock was when this was written: it may be set back
    outages bigint  NOT NULL DEFAULT 0           -- how many outages were found to be over
) WITH (fillfactor = 10);

-- One row for every clientId that was ever claimed. The columns are those of the SQLite
-- checkpoint, and those of leases.
CREATE TABLE kb.customer (
    key         bytea    PRIMARY KEY,            -- 16-byte digest of client_id: no collation
    id          bigint   NOT NULL UNIQUE,        -- the claim's number
    client_id   text     NOT NULL,
    digest      bytea    NOT NULL,
    run         bigint   NOT NULL,               -- the run that claimed it
    worker      bigint   NOT NULL,               -- the worker that claimed it
    claimed     bigint   NOT NULL,
    outcome     text,
    ours        boolean  NOT NULL DEFAULT false,
    keys_lost   boolean  NOT NULL DEFAULT false,
    customer_id text,
    request_id  text,
    attempts    bigint   NOT NULL DEFAULT 0,
    status      integer,
    message     text,
    settled     bigint,
    settled_run bigint,                          -- the run that settled it last
    doubt       smallint NOT NULL DEFAULT 0,     -- 1: claimed and not settled; 2: an earlier holder may have sent it
    claimed_by  bigint,
    created     bigint,
    orphan      boolean  NOT NULL DEFAULT false,
    modified    bigint,
    differing   text
) WITH (fillfactor = 80);
