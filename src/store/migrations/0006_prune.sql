-- SPDX-License-Identifier: Apache-2.0
-- `vm0 prune`: of a run's events 1..pruned_to were removed; since pruned_at none is left.
ALTER TABLE run_ends ADD COLUMN pruned_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run_ends ADD COLUMN pruned_at INTEGER;
-- What there is to prune, by age.
CREATE INDEX run_ends_unpruned ON run_ends (created_at, run_id) WHERE pruned_at IS NULL;
