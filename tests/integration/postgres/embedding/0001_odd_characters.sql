-- SPDX-License-Identifier: Apache-2.0
-- What could upset a generator of C++ or CMake: semicolons, brackets, quotes, backslashes.
CREATE TABLE odd (a text);
INSERT INTO odd VALUES ('ü;[x]\ "q" )sql" ${A} @B@ ');
