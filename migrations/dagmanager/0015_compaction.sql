-- SPDX-License-Identifier: Apache-2.0
-- What nobody needs any more leaves the graph: sentinels into the archive, nodes for good.

-- When a pass of the loop `gc` first saw that no held deploy is under the sentinel and it has no
-- traffic; NULL: it is not retired.
ALTER TABLE sentinel ADD COLUMN retired_at timestamptz;

-- Tombstones: nodes that the change removed; NULL: none. `node_seqs` names them too.
ALTER TABLE graph_change ADD COLUMN gone_nodes int8multirange;

-- Whether an artifact is used by any node still. Whoever stores a node holds its artifacts (FOR KEY
-- SHARE) until it has committed, so that none is removed under it.
CREATE INDEX used_by_checksum ON used_by (checksum);
