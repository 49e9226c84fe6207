# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts beside it: headings, times, logs, packages, builds. Source it; it sets ROOT.
# It works in a bare chroot: no /proc (so no process substitution), locale, home, or sbin in PATH.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOGS=$ROOT/build/logs
export LC_ALL=C.UTF-8
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
unset LANGUAGE

PROGRESS_SECONDS=30     # a running step says so this often
APT_TRIES=3             # each over APT's own five per file
JOB_MEMORY_KB=1200000   # what one compile of a gRPC source may need
FAILURE_LINES=60        # of a failed step's log

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  BLUE=$'\e[1;34m' GREEN=$'\e[1;32m' YELLOW=$'\e[1;33m' RED=$'\e[1;31m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
  BLUE='' GREEN='' YELLOW='' RED='' DIM='' PLAIN=''
fi

# span SECONDS: "7 s", "3 min 05 s".
span() {
  if [ "$1" -lt 60 ]; then echo "$1 s"; else printf '%d min %02d s\n' $(($1 / 60)) $(($1 % 60)); fi
}

step() { printf '\n%s==> %s%s\n' "$BLUE" "$*" "$PLAIN"; }
say() { printf '    %s\n' "$*"; }
warn() { printf '%swarning:%s %s\n' "$YELLOW" "$PLAIN" "$*" >&2; }

# die WHAT [MEND]: says what is wrong and how to mend it, and ends with 1.
die() {
  printf '%serror:%s %s\n' "$RED" "$PLAIN" "$1" >&2
  if [ -n "${2:-}" ]; then printf '  mend: %s\n' "$2" >&2; fi
  exit 1
}

# as_root COMMAND...: as it is for root, through sudo for others.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "only root may run: $*" "run it as root, or install sudo"
  fi
}

# The command that logged() runs has a process group of its own; a signal to the script ends it.
running_job=''
stop_job() {
  if [ -n "$running_job" ]; then kill -TERM -- "-$running_job" 2>/dev/null || true; fi
}
trap 'stop_job; exit 130' INT
trap 'stop_job; exit 143' TERM HUP

# logged LOG COMMAND...: runs it with all output in build/logs/LOG, says every PROGRESS_SECONDS how
# far it is (ninja's or ctest's last counter), and gives its exit code.
logged() {
  local log=$LOGS/$1 channel began=$SECONDS code far
  shift
  mkdir -p "$LOGS"
  channel=$(mktemp -u "$LOGS/.done.XXXXXX")
  mkfifo "$channel"
  exec 9<>"$channel"
  rm -f "$channel"
  set -m
  (
    set +m
    code=0
    "$@" 9>&- || code=$?
    echo "$code" >&9
  ) >"$log" 2>&1 </dev/null &
  running_job=$!
  set +m
  while ! read -r -t "$PROGRESS_SECONDS" -u 9 code; do
    far=$(tail -c 20000 "$log" | grep -oE '^(\[| *)[0-9]+/[0-9]+(\]| Test)' | tail -n 1) || true
    far=$(tr -cd '0-9/' <<<"$far")
    say "${DIM}… $(span $((SECONDS - began)))${far:+, $far}$PLAIN"
  done
  exec 9>&-
  wait "$running_job" || true
  running_job=''
  return "$code"
}

# first_lines N: of what it reads, to the end: who closes a pipe early kills the writer, and with
# pipefail the script.
first_lines() { awk -v most="$1" 'NR <= most'; }

# show_failure LOG [PATTERN]: the end of a log, from the first line that matches where there is one.
show_failure() {
  local log=$LOGS/$1 from=''
  if [ -n "${2:-}" ]; then from=$(grep -nE -m 1 "$2" "$log" | cut -d: -f1) || true; fi
  if [ -n "$from" ]; then from=+$from; fi
  tail -n "${from:-$FAILURE_LINES}" "$log" | first_lines "$FAILURE_LINES"
  say "whole log: ${log#"$ROOT"/}"
}

# packages_of GROUP...: the names that scripts/packages lists for these groups.
packages_of() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group { print $2 }' "$ROOT/scripts/packages"
  done | sort -u
}

# missing_packages GROUP...: those of them that dpkg does not have installed.
missing_packages() {
  local wanted installed
  wanted=$(packages_of "$@")
  # shellcheck disable=SC2086  # one word a package
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
    awk '$2 == "installed" { print $1 }') || true
  printf '%s\n%s\n%s\n' "$wanted" "$installed" "$installed" | sort | uniq -u
}

# apt_get ARGUMENTS...: quiet, without questions, keeping existing configuration files.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get -y -q -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confold -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300 "$@"
}

# install_packages NAME...: apt-get update and install, APT_TRIES times.
install_packages() {
  local try
  for try in $(seq "$APT_TRIES"); do
    if apt_get update && apt_get install --no-install-recommends "$@"; then return 0; fi
    echo "try $try of $APT_TRIES failed"
  done
  return 1
}

# need_packages GROUP...: installs what is missing of these groups of scripts/packages. PostgreSQL's
# package would make a cluster of its own, and Prometheus' start a server, now and with the machine:
# drop-ins say no during the installation.
need_packages() {
  local missing drop_in=/etc/postgresql-common/createcluster.d/weir.conf code=0
  local policy=/usr/sbin/policy-rc.d own_policy=false
  command -v dpkg-query >/dev/null || die "this is not a Debian system (no dpkg-query)" \
    "use Debian 12, or its container or chroot; scripts/packages lists what is needed by name"
  missing=$(missing_packages "$@" | tr '\n' ' ')
  if [ -z "${missing// /}" ]; then return 0; fi
  step "Installing what is missing: ${missing% }"
  case " $missing" in
    *" postgresql "*)
      as_root mkdir -p "${drop_in%/*}"
      echo "create_main_cluster = false" | as_root tee "$drop_in" >/dev/null
      ;;
  esac
  case " $missing" in
    *" prometheus "*)
      if [ ! -e "$policy" ]; then
        own_policy=true
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
      fi
      ;;
  esac
  # shellcheck disable=SC2086  # one word a package
  logged install.log install_packages $missing || code=$?
  if [ -e "$drop_in" ]; then as_root rm -f "$drop_in"; fi
  if [ "$own_policy" = true ]; then
    as_root rm -f "$policy"
    if command -v systemctl >/dev/null; then
      as_root systemctl disable --quiet prometheus.service 2>/dev/null || true
    fi
  fi
  if [ "$code" -ne 0 ]; then
    show_failure install.log '^(E|W): '
    die "apt-get could not install: ${missing% }" \
      "see that apt-get update works (network, sources.list with 'main' of Debian 12), then repeat"
  fi
}

# need_proc SCRIPT [ARGUMENT...]: sanitizers and the end-to-end tests read /proc. Where a chroot has
# none, SCRIPT starts again in a mount namespace of its own that has, and leaves nothing mounted.
need_proc() {
  if [ -r /proc/self/maps ]; then return 0; fi
  local mend="mount it: mount -t proc proc /proc"
  if [ "$(id -u)" -ne 0 ] || [ -n "${WEIR_OWN_PROC:-}" ]; then
    die "/proc is not mounted" "$mend"
  fi
  say "/proc is not mounted: mounting one for this run only"
  # shellcheck disable=SC2016  # expanded by the inner shell
  exec env WEIR_OWN_PROC=1 unshare --mount --propagation unchanged bash -c \
    'mount -t proc proc /proc || exit 1; trap "umount -l /proc" EXIT; "$@"' bash "$@"
}

# jobs: as many compiles at once as there are cores, or memory for.
jobs_max() {
  local cores memory_kb
  cores=$(nproc)
  memory_kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null) || memory_kb=''
  if [ -n "$memory_kb" ] && [ $((memory_kb / JOB_MEMORY_KB)) -lt "$cores" ]; then
    cores=$((memory_kb / JOB_MEMORY_KB))
  fi
  echo $((cores < 1 ? 1 : cores))
}

# groups_of PRESET: which groups of scripts/packages a preset of CMakePresets.json needs.
groups_of() {
  case "$1" in
    release) echo build run ;;
    bench) echo build run bench ;;
    dev | coverage) echo build run test ;;
    test) echo build run test bench ;;
    asan | tsan | fuzz) echo build run test clang ;;
    lint) echo build run test bench clang lint ;;
    *) return 1 ;;
  esac
}

# prepare_preset PRESET: packages and configuration; build/PRESET then has its build.ninja.
prepare_preset() {
  local preset=$1 groups
  groups=$(groups_of "$preset") || die "no preset $preset" \
    "one of: release bench dev test asan tsan fuzz lint coverage"
  # shellcheck disable=SC2086  # one word a group
  need_packages $groups
  "$ROOT/scripts/duckdb"
  export CCACHE_BASEDIR=$ROOT
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  if [ -z "${CCACHE_DIR:-}" ] && { [ -z "${HOME:-}" ] || [ ! -w "${HOME:-/}" ]; }; then
    export CCACHE_DIR=$ROOT/build/ccache
  fi
  if [ "$ROOT/build/$preset/build.ninja" -nt "$ROOT/CMakePresets.json" ]; then return 0; fi
  if ! (cd "$ROOT" && logged "configure-$preset.log" cmake --preset "$preset"); then
    show_failure "configure-$preset.log" 'CMake Error'
    die "cmake --preset $preset failed" "remove build/$preset and repeat"
  fi
}

# build_preset PRESET [TARGET...]: gives 1, and shows what the compiler says, if it does not build.
build_preset() {
  local preset=$1
  shift
  prepare_preset "$preset"
  if ! logged "build-$preset.log" ninja -C "$ROOT/build/$preset" -j "$(jobs_max)" "$@"; then
    show_failure "build-$preset.log" '^FAILED: |error: '
    return 1
  fi
}
