-- Brings an empty file to version 1.
--
-- Each file of this folder is one step: NNNN_what.sql brings a database from version NNNN - 1 to NNNN, and is never
-- changed once released. records.py says what each column is for. All times are milliseconds since 1970-01-01 UTC.

CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    generation INTEGER NOT NULL,
    kept_session TEXT,
    state TEXT NOT NULL CHECK (state IN ('active', 'leaving')),
    created_ms INTEGER NOT NULL
) STRICT;

-- Those that are leaving are few at any time, and asked for again and again.
CREATE INDEX accounts_by_state ON accounts (state);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    account_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    user_agent TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_account ON sessions (account_id);
CREATE INDEX sessions_by_end ON sessions (expires_ms);

CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER,
    expires_ms INTEGER
) STRICT;

CREATE INDEX tokens_by_account ON tokens (account_id);
CREATE INDEX tokens_by_end ON tokens (expires_ms);

CREATE TABLE resets (
    id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    account_id TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX resets_by_account ON resets (account_id);
CREATE INDEX resets_by_end ON resets (expires_ms);

CREATE TABLE failures (
    id TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX failures_by_end ON failures (expires_ms);

CREATE TABLE familiar_addresses (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX familiar_addresses_by_account ON familiar_addresses (account_id);
CREATE INDEX familiar_addresses_by_end ON familiar_addresses (expires_ms);

CREATE TABLE keys (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    value TEXT NOT NULL,
    state TEXT NOT NULL,
    claimed_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX keys_by_account ON keys (account_id);
CREATE INDEX keys_by_end ON keys (expires_ms);
