-- SPDX-License-Identifier: Apache-2.0
ALTER TABLE odd ADD COLUMN b int;
