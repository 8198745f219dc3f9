-- Brings an empty file to version 1.
--
-- Each file of this folder is one step: NNNN_what.sql brings a database from version NNNN - 1 to NNNN, and is never
-- changed once released. A new file starts at version 0 and takes every step. The version is kept in
-- "PRAGMA user_version", which the code sets in the transaction of the step.

CREATE TABLE tasks (
    -- An ObjectId as 24 lower-case hexadecimal digits, as in MongoDB, so that tasks can move between the two.
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 24),
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Milliseconds since 1970-01-01 UTC, within what a Python datetime can hold (years 1 to 9999).
    created_on INTEGER NOT NULL CHECK (created_on BETWEEN -62135596800000 AND 253402300799999),
    done INTEGER NOT NULL CHECK (done IN (0, 1))
) STRICT;

-- A user's list, in its order. "done" stands at the end so that a page of only done tasks skips the others here,
-- without reading their rows.
CREATE INDEX tasks_by_user ON tasks (user_id, created_on DESC, id DESC, done);
