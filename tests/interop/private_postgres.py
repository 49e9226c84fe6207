# SPDX-License-Identifier: Apache-2.0
"""A throw-away PostgreSQL from Debian's binaries: Unix socket only, data in a folder of its own.

Where WEIR_TEST_DSN names a server, that one is used instead and only databases are made in it.
"""

import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 20
USER = "weir"


def _binaries():
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda f: int(f.split("/")[4]))
    if not folders:
        raise RuntimeError("no PostgreSQL found; install it with: apt-get install postgresql")
    return pathlib.Path(folders[-1])


def _unprivileged():
    """PostgreSQL refuses to run as root: step down to its own user, or to nobody."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("neither the user postgres nor nobody exists")


class PrivatePostgres:
    """Starts with `start`, is gone with `stop`; both may be called again."""

    def __init__(self):
        self._process = None
        self._folder = None
        self._dsn = os.environ.get("WEIR_TEST_DSN", "")
        self._databases = []

    def start(self):
        if self._dsn:
            return self
        binaries, user = _binaries(), _unprivileged()
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-pg-"))
        prefix = []
        if user:
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            prefix = ["setpriv", *identity, "--pdeathsig=INT"]
        data = self._folder / "data"
        init = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", f"--username={USER}"]
        subprocess.run(
            [*prefix, binaries / "initdb", "--pgdata", data, *init],
            check=True,
            capture_output=True,
            cwd=self._folder,
        )
        self._log = self._folder / "log"
        command = [binaries / "postgres", "-D", data, "-k", self._folder, "-h", ""]
        settings = ["-c", "fsync=off", "-c", "max_connections=200"]
        self._command = [*prefix, *command, *settings]
        self._dsn = f"postgresql://{USER}@/postgres?host={self._folder}"
        self._launch()
        self._wait_until_ready()
        return self

    def _launch(self):
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self._folder
            )

    @property
    def log_path(self):
        """The server's log; None of somebody else's server."""
        return self._log if self._process else None

    def crash(self):
        """kill -9 of the whole server; `revive` brings it back with its data."""
        self._process.kill()
        self._process.wait()

    def revive(self):
        """Its sessions end when they find their postmaster gone; until then a start is refused."""
        deadline = time.monotonic() + START_SECONDS_MAX
        pause = threading.Event()
        while True:
            self._launch()
            while self._process.poll() is None:
                if self._psql("SELECT 1").returncode == 0:
                    return
                pause.wait(0.05)
            if time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not come back")
            pause.wait(0.05)

    def _wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        pause = threading.Event()
        while self._psql("SELECT 1").returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self._log.read_text(errors="replace")[-2000:]
                self.stop()
                raise RuntimeError(f"PostgreSQL did not start:\n{tail}")
            pause.wait(0.05)

    def _psql(self, sql):
        command = ["psql", "--no-psqlrc", "--quiet", "--dbname", self._dsn, "--command", sql]
        return subprocess.run(command, capture_output=True, text=True, cwd="/")

    def new_database(self):
        """The DSN of an empty database of its own."""
        name = "weir_test_" + uuid.uuid4().hex[:12]
        done = self._psql(f"CREATE DATABASE {name}")
        if done.returncode:
            raise RuntimeError(f"CREATE DATABASE failed: {done.stderr}")
        self._databases.append(name)
        parts = urllib.parse.urlsplit(self._dsn)
        # urlunsplit would drop the empty host of "postgresql://weir@/name".
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}/{name}{query}"

    def stop(self):
        if self._process is None:  # somebody else's server: leave it as it was found
            for name in self._databases:
                self._psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            self._databases.clear()
            return
        self._process.send_signal(2)  # fast shutdown
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)
        self._dsn = os.environ.get("WEIR_TEST_DSN", "")
        self._databases.clear()
