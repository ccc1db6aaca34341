-- SPDX-License-Identifier: Apache-2.0
-- Set by the end: the name of the error that the run ended for, and what it used (JSON).
ALTER TABLE runs ADD COLUMN error_code TEXT;
ALTER TABLE runs ADD COLUMN usage TEXT;
