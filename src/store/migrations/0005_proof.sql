-- SPDX-License-Identifier: Apache-2.0
-- What `vm0 verify` names a damaged event by: event/checksum.h. NULL of events from before.
ALTER TABLE events ADD COLUMN checksum INTEGER;
-- Who computed the hash: the run's supervisor (or who buried it, from its spool), or the server from what
-- it had stored. NULL of ends from before.
ALTER TABLE run_ends ADD COLUMN hashed_by TEXT CHECK (hashed_by IN ('supervisor', 'server'));
