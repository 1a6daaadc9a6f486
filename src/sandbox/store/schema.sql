-- What a sandbox holds. Other programs may read this file while it is served.

-- Facts about the file itself.
CREATE TABLE IF NOT EXISTS sandbox (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL      -- 'salt': what turns customers.id into a customerId
                                -- 'ignore_case': whether customers.client_key is in lower case
) STRICT;

-- Every customer there is; a deleted one is gone.
CREATE TABLE IF NOT EXISTS customers (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice, so no customerId is either
    client_id          TEXT NOT NULL,          -- the caller's clientId
    customer_id        TEXT NOT NULL,          -- the sandbox's own: 'cus_' and 24 hexadecimal digits
    company_name       TEXT NOT NULL,          -- this and the next seven: as they are now
    currency           TEXT NOT NULL,
    status             TEXT NOT NULL,          -- 'ACTIVE' or 'CANCELLED'
    stripe_customer_id TEXT,                   -- shown with --show-stripe-ids only
    plan_ids           TEXT NOT NULL,          -- JSON array; those that bundles bring are not in it
    bundle_ids         TEXT NOT NULL,          -- JSON array
    billing_contact    TEXT,                   -- JSON object
    keys_issued        INTEGER NOT NULL,       -- API keys made by the create; the keys themselves are not kept
    created            INTEGER NOT NULL,       -- milliseconds since 1970
    modified           INTEGER NOT NULL,       -- milliseconds since 1970
    body               TEXT NOT NULL,          -- of the create, byte for byte as received
    added              TEXT,                   -- JSON object: when the plans and bundles that did not come with the create were added, by id
    client_key         TEXT NOT NULL           -- what client_id is found and unique by: itself, or in lower case
) STRICT;

-- Not UNIQUE: land-late-unchecked makes one customer twice.
CREATE INDEX IF NOT EXISTS customers_by_client_key ON customers (client_key);

-- Creates that made no customer, by clientId. A clientId without a line had none.
CREATE TABLE IF NOT EXISTS fruitless_creates (
    client_id TEXT PRIMARY KEY,
    existing  INTEGER NOT NULL DEFAULT 0,      -- the customer was there already
    stopped   INTEGER NOT NULL DEFAULT 0       -- a fault struck before anything was done
) STRICT, WITHOUT ROWID;
