# SPDX-License-Identifier: Apache-2.0
"""The servers that vm0 is compared with: each in a folder of its own, on loopback, ended at the end.

What they store is on the disk when they say so, as with vm0: Redis syncs its log for each turn of its loop,
PostgreSQL commits synchronously, the Durable Streams server syncs each append.
"""

import contextlib
import http.client
import json
import os
import pwd
import socket
import subprocess
import sys
import time

import kit
import waits

LOAD = os.path.join(os.path.dirname(kit.RELEASE), "load")
NOBODY = pwd.getpwnam("nobody")


def installed():
    return subprocess.run([os.path.join(kit.HERE, "peers", "install")], stdout=subprocess.PIPE,
                          check=True, text=True).stdout.strip()


class Peers:
    """Where the peers are, and a folder for what they store."""

    def __init__(self, root):
        self.installed = installed()
        self._root = root
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._stack.close()

    def redis(self):
        folder, port = self._folder("redis"), free_port()
        self._start([self._path("usr/bin/redis-server"), "--port", str(port), "--bind", "127.0.0.1",
                     "--dir", folder, "--appendonly", "yes", "--appendfsync", "always", "--save", ""])
        await_port(port)
        return f"127.0.0.1:{port}"

    def postgres(self):
        """A connection string; the tables are there."""
        folder, port = self._folder("postgres"), free_port()
        as_user = {}
        if os.geteuid() == 0:  # it refuses to be root
            os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
            as_user = {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid, "extra_groups": []}
        binaries = self._path("usr/lib/postgresql/15/bin")
        subprocess.run([f"{binaries}/initdb", "-D", f"{folder}/data", "-U", "bench", "-A", "trust",
                        "--no-sync", "-E", "UTF8", "--locale", "C"],
                       check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_user)
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
                   "fsync": "on", "synchronous_commit": "on", "max_connections": 100,
                   "shared_buffers": "256MB", "max_wal_size": "4GB"}
        settings = " ".join(f"-c {name}={value or repr(value)}" for name, value in options.items())
        control = [f"{binaries}/pg_ctl", "-w", "-s", "-D", f"{folder}/data", "-l", f"{folder}/log"]
        subprocess.run([*control, "-o", settings, "start"], check=True, cwd=folder, **as_user)
        self._stack.callback(subprocess.run, [*control, "-m", "immediate", "stop"], check=True,
                             cwd=folder, **as_user)
        connection = f"postgresql://bench@127.0.0.1:{port}/postgres"
        sql(connection,
            "CREATE TABLE streams (id int PRIMARY KEY, last bigint NOT NULL)",
            "CREATE TABLE events (stream int, seq bigint, data text NOT NULL, PRIMARY KEY (stream, seq))",
            "INSERT INTO streams SELECT i, 0 FROM generate_series(0, 999) i")
        return connection

    def node(self, script, *arguments):
        """(address, pid) of a script of bench/peers that prints its port."""
        process = self._start(["node", self._path(script + ".mjs"), *arguments],
                              stdout=subprocess.PIPE, text=True)
        port = int(process.stdout.readline())
        return f"127.0.0.1:{port}", process.pid

    def durable_streams(self, streams):
        address, _ = self.node("durable", self._folder("durable"))
        for stream in streams:
            http_put(address, f"/{stream}", {"Content-Type": "application/json"})
        return address

    def nginx(self, body):
        """(address, pid of the worker)."""
        folder, port = self._folder("nginx"), free_port()
        with open(f"{folder}/conf", "w", encoding="ascii") as conf:
            conf.write(f"""
                daemon off; pid {folder}/pid; error_log {folder}/error.log;
                {"user root;" if os.geteuid() == 0 else ""}
                worker_processes 1; events {{ worker_connections 1024; }}
                http {{ access_log off; keepalive_requests 100000000;
                       client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
                       fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
                       scgi_temp_path {folder}/scgi;
                       server {{ listen 127.0.0.1:{port};
                                default_type application/json; location / {{ return 200 '{body}'; }} }} }}""")
        master = self._start([self._path("usr/sbin/nginx"), "-p", folder, "-c", f"{folder}/conf",
                              "-e", f"{folder}/error.log"])
        await_port(port)
        return f"127.0.0.1:{port}", waits.descendants(master.pid)[0]

    def _path(self, name):
        return os.path.join(self.installed, name)

    def _folder(self, name):
        folder = os.path.join(self._root, name)
        os.mkdir(folder)
        return folder

    def _start(self, argv, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **options)
        self._stack.callback(self._end, process)
        return process

    @staticmethod
    def _end(process):
        process.terminate()
        process.wait()


def load(measure, peer, command=(), **options):
    """The figures of one run of the load generator."""
    argv = [LOAD, measure, peer]
    for name, value in options.items():
        argv += [f"--{name}", ",".join(map(str, value)) if isinstance(value, (list, range)) else str(value)]
    if command:
        argv += ["--", *command]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(argv)[:300]}")
    return json.loads(done.stdout) if done.stdout else None


def sql(connection, *statements):
    load("sql", "postgres", statements, address=connection)


def http_put(address, path, headers):
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port))
    connection.request("PUT", path, headers=headers)
    answer = connection.getresponse()
    assert answer.status in (200, 201, 204), answer.status


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def await_port(port):
    for _ in range(3000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    sys.exit(f"nothing listens on port {port}")
