#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pure floors stay pure: what their archives leave undefined, and what they keep, is checked.

usage: purity_test.py --nm NM ARCHIVE...

No object of such an archive may call for a clock, a thread, a lock, a socket, a file, the
environment or chance, and none may hold data that changes (tables of constants are named kName).
"""

import argparse
import re
import subprocess
import sys

IMPURE = re.compile(
    r"^(clock_(gettime|nanosleep)|gettimeofday|time|localtime(_r)?|nanosleep|usleep|sleep"
    r"|pthread_\w+|socket|connect|bind|accept4?|send\w*|recv\w*|poll|epoll_\w+|select"
    r"|open(at)?(64)?|fopen(64)?|creat|read|write|mmap(64)?|unlink|rename|getcwd"
    r"|getenv|secure_getenv|setenv|system|fork|execv\w*|popen|syscall"
    r"|s?rand(om)?(_r)?|[dejlmn]rand48|getrandom|getentropy|arc4random\w*"
    r"|std::(chrono::_V2::)?(system|steady)_clock::now\(.*|std::chrono::.*_clock::now\(.*"
    r"|std::random_device::.*|std::thread::.*|std::this_thread::.*|std::condition_variable::.*"
    r"|std::basic_(file|if|of|f)\w*<.*|std::filesystem::.*"
    r"|std::(__\w+::)?(random_device|thread|basic_[io]?fstream|basic_filebuf)\b.*)$"
)
# Data symbols that are no state: constants, guards, and what compilers and sanitizers add.
CONSTANT = re.compile(
    r"(^|::)k[A-Z]\w*(\[abi:\w+\])?$|^guard variable for |^(vtable|typeinfo( name)?|VTT) for "
    r"|^_*(DW\.ref|llvm|asan|odr_asan|tsan|ubsan|sancov|profc|gcov|start|stop)|^\.L|^\.str"
    r"|^(__const|constinit|switch\.table)(\.|$)|^std::__ioinit$|^__\w*(san|gcov)\w*"
    r"|^(asan|tsan|ubsan)\.module_|___asan"
)

# The labelled crash points of test builds: read WEIR_CRASH_AT and count their passes.
TEST_HOOKS = {"crash_point.cc.o"}


def symbols(nm, archive):
    """Yields (object, type letter, demangled name) of each symbol of the archive."""
    command = [nm, "--demangle", archive]
    listing = subprocess.run(command, check=True, capture_output=True, text=True)
    member = "?"
    for line in listing.stdout.split("\n"):
        if line.endswith(".o:"):
            member = line[:-1]
        match = re.match(r"^[0-9a-f ]{16} (\w) (.+)$", line)
        if match:
            yield member, match.group(1), match.group(2)


def faults_of(nm, archive):
    for member, letter, name in symbols(nm, archive):
        bare = name.partition("@")[0]
        if member in TEST_HOOKS:
            continue
        if letter in "Uw" and IMPURE.match(bare):
            yield f"{archive}({member}): uses {name}"
        if letter in "bBdDC" and not CONSTANT.search(bare):
            yield f"{archive}({member}): holds {name}, which may change"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nm", default="nm")
    parser.add_argument("archives", nargs="+")
    options = parser.parse_args()
    faults = 0
    for archive in options.archives:
        count = sum(1 for _ in symbols(options.nm, archive))
        if count == 0:
            print(f"{archive}: no symbols; is it the right file?")
            faults += 1
        for fault in faults_of(options.nm, archive):
            print(fault)
            faults += 1
        print(f"{archive}: {count} symbols")
    print(f"purity_test: {len(options.archives)} archives, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
