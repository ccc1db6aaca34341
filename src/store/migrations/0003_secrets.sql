-- SPDX-License-Identifier: Apache-2.0
-- Secrets that a user keeps here for his runs.

CREATE TABLE secrets (
  user_id    TEXT NOT NULL,
  name       TEXT NOT NULL,
  sealed     BLOB NOT NULL,  -- secretbox
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, name)
);
