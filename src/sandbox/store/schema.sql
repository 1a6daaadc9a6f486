-- The data of a sandbox. Other programs may read this file while it is served.

-- Facts about the file itself.
CREATE TABLE IF NOT EXISTS sandbox (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL      -- 'salt': derives the customerId from customers.id
                                -- 'ignore_case': whether customers.client_key is in lower case
) STRICT;

-- All customers; deleted ones are removed.
CREATE TABLE IF NOT EXISTS customers (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,   -- never reused, so that no customerId is
    client_id          TEXT NOT NULL,          -- the caller's clientId
    customer_id        TEXT NOT NULL,          -- the sandbox's own: 'cus_' and 24 hexadecimal digits
    company_name       TEXT NOT NULL,          -- this and the next seven: the current values
    currency           TEXT NOT NULL,
    status             TEXT NOT NULL,          -- 'ACTIVE' or 'CANCELLED'
    stripe_customer_id TEXT,                   -- shown only with --show-stripe-ids
    plan_ids           TEXT NOT NULL,          -- JSON array, without the plans of bundles
    bundle_ids         TEXT NOT NULL,          -- JSON array
    billing_contact    TEXT,                   -- JSON object
    keys_issued        INTEGER NOT NULL,       -- API keys created with the customer; the keys themselves are not stored
    created            INTEGER NOT NULL,       -- milliseconds since 1970
    modified           INTEGER NOT NULL,       -- milliseconds since 1970
    body               TEXT NOT NULL,          -- the body of the create as received
    added              TEXT,                   -- JSON object: when plans and bundles were added after the create, by id
    client_key         TEXT NOT NULL           -- client_id as it is looked up and unique: itself, or in lower case
) STRICT;

-- Not UNIQUE: land-late-unchecked can create a customer twice.
CREATE INDEX IF NOT EXISTS customers_by_client_key ON customers (client_key);

-- Creates that created no customer, by clientId.
CREATE TABLE IF NOT EXISTS fruitless_creates (
    client_id TEXT PRIMARY KEY,
    existing  INTEGER NOT NULL DEFAULT 0,      -- the customer existed
    stopped   INTEGER NOT NULL DEFAULT 0       -- a fault stopped the create
) STRICT, WITHOUT ROWID;
