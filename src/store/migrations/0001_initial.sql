-- SPDX-License-Identifier: Apache-2.0
-- Ids are the 16 bytes of a UUIDv7. Times are microseconds since 1970 (UTC).

CREATE TABLE users (
  id         TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL
);

CREATE TABLE agent_configs (
  id         BLOB PRIMARY KEY,
  user_id    TEXT NOT NULL,
  name       TEXT NOT NULL,
  config     TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (user_id, name)
);

CREATE TABLE runs (
  id                  BLOB PRIMARY KEY,
  user_id             TEXT NOT NULL,
  agent_config_id     BLOB REFERENCES agent_configs (id),
  agent_name          TEXT NOT NULL,
  provider            TEXT NOT NULL,
  dialect             TEXT NOT NULL,
  status              TEXT NOT NULL CHECK (
    status IN ('pending', 'running', 'completed', 'failed', 'timeout', 'cancelled')),
  prompt              TEXT NOT NULL,
  spec                TEXT NOT NULL,
  secrets             BLOB NOT NULL,
  external            INTEGER NOT NULL,
  machine             TEXT NOT NULL,
  attempt             INTEGER NOT NULL,
  started             INTEGER NOT NULL,
  cancel_requested_at INTEGER,
  created_at          INTEGER NOT NULL,
  started_at          INTEGER,
  completed_at        INTEGER,
  error               TEXT,
  result              TEXT,
  idempotency_key     TEXT,
  request_hash        TEXT NOT NULL,
  -- Set by the end and by nothing else.
  CHECK ((completed_at IS NULL) = (status IN ('pending', 'running')))
);
CREATE UNIQUE INDEX runs_by_idempotency_key ON runs (user_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_user ON runs (user_id, created_at, id);
CREATE INDEX runs_by_time ON runs (created_at, id);
CREATE INDEX runs_queue ON runs (created_at, id) WHERE status = 'pending' AND external = 0;
CREATE INDEX runs_unfinished ON runs (machine, created_at) WHERE completed_at IS NULL;

-- A rowid table: WITHOUT ROWID is several times slower for rows of a kilobyte.
CREATE TABLE events (
  id         INTEGER PRIMARY KEY,
  run_id     BLOB NOT NULL REFERENCES runs (id),
  sequence   INTEGER NOT NULL CHECK (sequence > 0),
  created_at INTEGER NOT NULL,
  source     TEXT NOT NULL,
  type       TEXT NOT NULL,
  json       BLOB NOT NULL  -- the bytes as they came
);
CREATE UNIQUE INDEX events_by_run ON events (run_id, sequence);

CREATE TABLE run_ends (
  run_id          BLOB PRIMARY KEY REFERENCES runs (id),
  status          TEXT NOT NULL CHECK (status IN ('completed', 'failed', 'timeout', 'cancelled')),
  last_sequence   INTEGER NOT NULL,
  hash            TEXT NOT NULL,
  exit_code       INTEGER,
  signal          INTEGER,
  reason          TEXT,
  output_complete INTEGER NOT NULL,
  created_at      INTEGER NOT NULL
);

CREATE TABLE tokens (
  id         BLOB PRIMARY KEY,
  kind       TEXT NOT NULL CHECK (kind IN ('admin', 'user', 'run')),
  hash       TEXT NOT NULL UNIQUE,
  user_id    TEXT NOT NULL,
  name       TEXT NOT NULL,
  host_scope INTEGER NOT NULL,
  run_id     BLOB REFERENCES runs (id),
  attempt    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
);
CREATE INDEX tokens_by_user ON tokens (user_id);
CREATE INDEX tokens_by_run ON tokens (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX tokens_by_expiry ON tokens (expires_at) WHERE expires_at IS NOT NULL;
