-- SPDX-License-Identifier: Apache-2.0
-- The queue: fair between users, with attempts that a run may say and pauses between them.

ALTER TABLE runs ADD COLUMN max_attempts INTEGER NOT NULL DEFAULT 3;
-- Pending again after an attempt that failed, and not to be claimed yet.
ALTER TABLE runs ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
-- Why the last attempt that was given back had failed.
ALTER TABLE runs ADD COLUMN last_failure TEXT;

-- A user's runs in the order of their claims; the users are found by jumping from one to the next. The
-- columns of the condition are in the index too: SQLite would look each row up for them.
DROP INDEX runs_queue;
CREATE INDEX runs_queue ON runs (user_id, created_at, id, status, external, held)
  WHERE status = 'pending' AND external = 0 AND held = 0;
CREATE INDEX runs_held ON runs (held) WHERE held = 1;
CREATE INDEX runs_running ON runs (user_id, status, external)
  WHERE status = 'running' AND external = 0;
CREATE INDEX runs_unfinished_by_user ON runs (user_id, completed_at)
  WHERE completed_at IS NULL;

-- When a user last got a run claimed, counted over all users.
CREATE TABLE queue_turns (
  user_id TEXT PRIMARY KEY,
  turn    INTEGER NOT NULL
);
CREATE INDEX queue_turns_by_turn ON queue_turns (turn);
