-- Brings version 1 to version 2: versions, conditions, removed tasks, and what changed since.

ALTER TABLE tasks ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
-- Milliseconds, as created_on; NULL: not since it was added.
ALTER TABLE tasks ADD COLUMN updated_on INTEGER;
ALTER TABLE tasks ADD COLUMN notes TEXT;
ALTER TABLE tasks ADD COLUMN due TEXT;
ALTER TABLE tasks ADD COLUMN rank TEXT;
-- The digests of the keys used last, each with the version its change made: "DIGEST:VERSION DIGEST:VERSION".
ALTER TABLE tasks ADD COLUMN used_keys TEXT;
-- The number of the last change, of all changes to this file. Since one process writes at a time, whoever has seen a
-- number will never see a smaller one appear. Its index is made when somebody first asks for changes: an update costs a
-- quarter more with it.
ALTER TABLE tasks ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
UPDATE tasks SET seq = rowid;

-- Removed tasks as they last were. One stays when its id is taken again: it is then neither told of nor restored.
CREATE TABLE removed_tasks (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 24),
    user_id TEXT NOT NULL,
    -- NULL: the contents are not kept.
    name TEXT,
    created_on INTEGER NOT NULL CHECK (created_on BETWEEN -62135596800000 AND 253402300799999),
    done INTEGER NOT NULL CHECK (done IN (0, 1)),
    -- That of the task. Its removal has one more.
    version INTEGER NOT NULL,
    updated_on INTEGER,
    notes TEXT,
    due TEXT,
    rank TEXT,
    used_keys TEXT,
    seq INTEGER NOT NULL,
    removed_on INTEGER NOT NULL
) STRICT;

CREATE INDEX removed_by_change ON removed_tasks (user_id, seq);
CREATE INDEX removed_by_age ON removed_tasks (removed_on);

-- Users whose tasks were all removed for good, and the number of that change: who last looked before it begins anew.
CREATE TABLE emptied_users (
    user_id TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT;

-- What there is once in a file.
CREATE TABLE store (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    -- Tells this file's sync tokens from those of others.
    mark INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    -- The greatest number of a removal that is not known any more.
    forgotten_seq INTEGER NOT NULL
) STRICT;

INSERT INTO store SELECT 1, random() & 0x7fffffffffffffff, coalesce(max(seq), 0), 0 FROM tasks;

-- A statement numbers its rows from last_seq upwards. So that a batch can be one statement, the count follows by itself.
CREATE TRIGGER count_added AFTER INSERT ON tasks BEGIN
    UPDATE store SET last_seq = max(last_seq, NEW.seq);
END;

CREATE TRIGGER count_changed AFTER UPDATE OF seq ON tasks BEGIN
    UPDATE store SET last_seq = max(last_seq, NEW.seq);
END;

CREATE TRIGGER count_removed AFTER INSERT ON removed_tasks BEGIN
    UPDATE store SET last_seq = max(last_seq, NEW.seq);
END;

-- An id that is taken again goes on with greater versions. Whoever adds looks at the removed task when this refuses.
CREATE TRIGGER versions_grow BEFORE INSERT ON tasks
WHEN EXISTS (SELECT 1 FROM removed_tasks WHERE id = NEW.id AND version + 1 >= NEW.version) BEGIN
    SELECT RAISE(ABORT, 'an id cannot be taken again with a version that is not greater');
END;
