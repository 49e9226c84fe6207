-- SPDX-License-Identifier: Apache-2.0
-- Whom Weir has given rights on topics: written before the first is given, removed by the holder of
-- the loop `reconciler` when a principal is configured no more and has none left. What others were
-- given by others is told from it.
CREATE TABLE topic_principal (
  principal text COLLATE "C" PRIMARY KEY
);
