# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of the whole-binary tests: a world (a data directory and all that runs in it), its
processes, its server, its HTTP clients."""

import collections
import contextlib
import http.client
import json
import os
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import termios
import threading

import small_disk
import waits

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("VM0_BINARY", os.path.join(HERE, "..", "build", "debug", "vm0"))
BINARY = os.path.abspath(BINARY)
FAKE_AGENT = os.path.abspath(os.environ.get(
    "VM0_FAKE_AGENT", os.path.join(os.path.dirname(BINARY), "fake_agent")))
TERMINAL = ("completed", "failed", "timeout", "cancelled")

Finished = collections.namedtuple("Finished", "stdout stderr code")


class Process:
    """A program that runs, its output as it comes."""

    def __init__(self, argv, env, cwd, stdin=None, pty_size=None, pass_fds=()):
        self.argv = argv
        self._pass_fds = pass_fds
        self.terminal = None
        self._stdin = stdin
        if pty_size:
            self._start_in_pty(argv, env, cwd, pty_size)
        else:
            self._start_piped(argv, env, cwd, stdin)
        self.pid = self._popen.pid

    def _start_piped(self, argv, env, cwd, stdin):
        """`stdin`: what it gets there, or a descriptor."""
        self._popen = subprocess.Popen(
            argv, env=env, cwd=cwd, start_new_session=True, pass_fds=self._pass_fds,
            stdin=(stdin if isinstance(stdin, int) else
                   subprocess.PIPE if stdin is not None else subprocess.DEVNULL),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.stdout = waits.Output(os.dup(self._popen.stdout.fileno()), "stdout")
        self.stderr = waits.Output(os.dup(self._popen.stderr.fileno()), "stderr")
        self._popen.stdout.close()
        self._popen.stderr.close()
        if isinstance(stdin, bytes):
            threading.Thread(target=self._feed, args=(stdin,), daemon=True).start()

    def _feed(self, data):
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.write(data)
            self._popen.stdin.close()

    def _start_in_pty(self, argv, env, cwd, size):
        """All three in one terminal, whose driver leaves the output's bytes as they are."""
        self.terminal, slave = pty.openpty()
        columns, rows = size
        termios.tcsetwinsize(slave, (rows, columns))
        mode = termios.tcgetattr(slave)
        mode[1] &= ~termios.OPOST
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, mode)

        def take_terminal():
            import fcntl
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self._popen = subprocess.Popen(argv, env=env, cwd=cwd, stdin=slave, stdout=slave,
                                       stderr=slave, start_new_session=True,
                                       preexec_fn=take_terminal)
        os.close(slave)
        self.stdout = waits.Output(os.dup(self.terminal), "terminal")
        self.stderr = self.stdout

    def expect(self, text):
        return self.stdout.expect(text)

    def press_ctrl_c(self):
        """In the terminal if there is one, else as a shell's terminal would do it."""
        if self.terminal is not None:
            os.write(self.terminal, b"\x03")
        else:
            self.signal(signal.SIGINT)

    def signal(self, number):
        self._popen.send_signal(number)

    def kill(self):
        """kill -9, and the end of it."""
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()

    @property
    def running(self):
        return self._popen.poll() is None

    def wait(self):
        """Waits for the end; gives the exit code (128 + n for a signal)."""
        waits.wait_gone(self.pid)
        code = self._popen.wait()
        return 128 - code if code < 0 else code

    def finish(self):
        """Waits for the end and all output."""
        code = self.wait()
        return Finished(self.stdout.wait_end(), self.stderr.wait_end(), code)

    def describe(self):
        return (f"$ {' '.join(self.argv)[:500]}\n--- stdout\n{self.stdout.text[-6000:]}"
                f"\n--- stderr\n{self.stderr.text[-6000:]}\n")


class Answer:
    """The answer to an HTTP request."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error_code(self):
        return self.json["error"]["code"]

    def __repr__(self):
        return f"{self.status} {self.body[:1000]!r}"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=waits.HANG_SECONDS)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Http:
    """Plain HTTP to a server, a new connection for each request."""

    def __init__(self, connect, token):
        self._connect = connect
        self._token = token

    def request(self, method, path, body=None, headers=None, token=...):
        """`body`: bytes as they are, None, or anything else as JSON. `token` None: without one."""
        response, connection = self.open(method, path, body, headers, token)
        with contextlib.closing(connection):
            return Answer(response, response.read())

    def open(self, method, path, body=None, headers=None, token=...):
        """The response as it comes, and its connection, to be closed by the caller."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        token = self._token() if token is ... else token
        if token:
            headers.setdefault("Authorization", f"Bearer {token}")
        connection = self._connect()
        connection.request(method, path, body=body, headers=headers)
        return connection.getresponse(), connection

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, {} if body is None else body, **options)


class ServerSentEvents:
    """A stream of server-sent events, read as it comes."""

    Event = collections.namedtuple("Event", "id event data")

    def __init__(self, http_client, path, headers=None, token=...):
        self.response, self._connection = http_client.open(
            "GET", path, headers={"Accept": "text/event-stream", **(headers or {})}, token=token)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def next(self):
        """The next event, or None at the end of the stream. Comments are left out."""
        fields = {}
        while True:
            line = self.response.readline()
            if not line:
                return None
            line = line.rstrip(b"\n").decode()
            if not line and fields:
                return self.Event(fields.get("id"), fields.get("event", "message"),
                                  fields.get("data", ""))
            if line and not line.startswith(":"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")

    def comment(self):
        """The next line that is a comment."""
        while True:
            line = self.response.readline()
            assert line, "the stream ended"
            if line.startswith(b":"):
                return line

    def rest(self):
        events = []
        while (event := self.next()) is not None:
            events.append(event)
        return events


class Server:
    """`vm0 serve` on the world's data directory."""

    def __init__(self, world, *options, env=None, listen="127.0.0.1:0", unsandboxed=True,
                 binary=None):
        self._world = world
        self._binary = binary
        self._options = [*options, *(["--allow-unsandboxed"] if unsandboxed else [])]
        self.environment = dict(env or {})
        self._listen = listen
        self.process = None
        self.start()

    def start(self, env=None):
        """Returns when it serves. `env` counts for this start only."""
        read_end, write_end = os.pipe()
        try:
            self.process = self._world.start(
                "serve", "--data-dir", self._world.data_dir, "--listen", self._listen,
                "--ready-fd", write_end, *self._options, env={**self.environment, **(env or {})},
                own_data_dir=False, pass_fds=[write_end], binary=self._binary)
        finally:
            os.close(write_end)
        ready = waits.Output(read_end, "ready-fd")
        ready.expect("ready http")
        with open(os.path.join(self._world.data_dir, "server.json"), encoding="utf-8") as file:
            self.url = json.load(file)["url"]
        # Next time the same port: what a server that comes back is reached by.
        self._listen = self.url.removeprefix("http://")
        return self

    @property
    def pid(self):
        return self.process.pid

    @property
    def socket_path(self):
        return os.path.join(self._world.data_dir, "server.sock")

    @property
    def token(self):
        return self._world.token

    def kill9(self):
        self.process.kill()

    def restart(self, env=None):
        """kill -9 and a new one on the same port."""
        self.kill9()
        return self.start(env)

    def crash_at_next(self, point):
        """kill -9 and a new one that dies at its next pass of a fault point."""
        self.kill9()
        for passes in range(1, 10):  # its start passes some
            try:
                return self.start(env={"VM0_FAULT": f"{point}:crash@{passes}"})
            except waits.Hang:
                assert self.process.wait() == 128 + signal.SIGKILL
        raise AssertionError(f"no start survives a fault at {point}")

    def stop(self):
        """SIGTERM, and the end of it."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait()


class World:
    """A data directory, a home and a place for files, all that a test starts and finds there."""

    def __init__(self, root):
        self.root = root
        self.data_dir = os.path.join(root, "d")
        self.home = os.path.join(root, "home")
        self.files = os.path.join(root, "f")
        os.mkdir(root)
        os.mkdir(self.home)
        os.mkdir(self.files)
        os.chmod(root, 0o755)
        os.chmod(self.files, 0o777)  # agents may run as another uid
        self.processes = []
        self.server = None
        self.clock = None
        self.disk = None
        self._closers = []
        self._counter = 0
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home, "LANG": "C.UTF-8",
                    "TZ": "UTC", "VM0_TEST_WORLD": root}
        for name in ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    # Processes

    def start(self, *args, env=None, stdin=None, pty_size=None, cwd=None, own_data_dir=True,
              binary=None, pass_fds=()):
        """Starts vm0 in the background."""
        full = dict(self.env)
        if own_data_dir:
            full["VM0_DATA_DIR"] = self.data_dir
        if pty_size:
            full["TERM"] = "xterm-256color"
        full.update(env or {})
        full = {name: value for name, value in full.items() if value is not None}
        argv = [*(self.disk.enter if self.disk else []), binary or BINARY, *map(str, args)]
        process = Process(argv, full, cwd or self.files, stdin, pty_size, pass_fds)
        self.processes.append(process)
        return process

    def run(self, *args, **options):
        """Runs vm0 to its end: stdout, stderr, code."""
        return self.start(*args, **options).finish()

    def serve(self, *options, **more):
        """Starts the world's server."""
        self.server = Server(self, *options, **more)
        return self.server

    def use_clock(self):
        """Puts every process that is started from now on on one virtual clock."""
        self.clock = waits.VirtualClock(os.path.join(self.root, "clock"))
        os.chmod(self.clock.path, 0o777)
        self.env["VM0_TEST_CLOCK"] = self.clock.path
        self._closers.append(self.clock)
        return self.clock

    def use_small_disk(self, megabytes):
        """Puts the data directory on a disk of its own, which a test can fill. Before anything is
        started."""
        self.disk = small_disk.SmallDisk(os.path.join(self.root, "disk"), megabytes)
        self.data_dir = self.disk.data_dir
        self._closers.append(self.disk)
        return self.disk

    # Files

    def path(self, name):
        return os.path.join(self.files, name)

    def write(self, name, content):
        """A file that everybody may read; gives its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, 0o644)
        return path

    def gate(self):
        return self._fifo(waits.Gate)

    def bell(self):
        return self._fifo(waits.Bell)

    def _fifo(self, kind):
        self._counter += 1
        made = kind(self.path(f"{kind.__name__.lower()}{self._counter}"))
        self._closers.append(made)
        return made

    def config(self, name="my-agent", command=(FAKE_AGENT,), **agent):
        """The path of an agent config for the scripted agent."""
        agent = {"name": name, "provider": "command", "command": list(command), "sandbox": "none",
                 **agent}
        if agent["provider"] != "command":
            del agent["command"]
        # JSON is YAML.
        return self.write(f"{name}.yaml", json.dumps({"version": "1.0", "agent": agent}))

    # Runs

    def agent_args(self, steps, *options, dialect="plain", **config):
        """Arguments of `vm0` that run the scripted agent with these steps."""
        prompt = json.dumps(steps)
        if len(prompt) > 100_000:
            raise ValueError("a prompt is an argument: 128 kB at most")
        path = self.config(dialect=dialect, **config)
        return ["run", path, prompt, "--sandbox", "none", *options]

    def run_agent(self, steps, *options, env=None, pty_size=None, **config):
        return self.run(*self.agent_args(steps, *options, **config), env=env, pty_size=pty_size)

    def start_agent(self, steps, *options, env=None, pty_size=None, **config):
        return self.start(*self.agent_args(steps, *options, **config), env=env, pty_size=pty_size)

    def detach(self, steps, *options, **more):
        """Starts a run and leaves; gives its id."""
        done = self.run_agent(steps, "-d", *options, **more)
        assert done.code == 0, done
        return done.stdout.decode().strip()

    def only_run(self):
        """The id of the one run that there is."""
        runs = self.http.get("/api/agent/runs").json["runs"]
        assert len(runs) == 1, runs
        return runs[0]["id"]

    def run_dir(self, run_id):
        return os.path.join(self.data_dir, "runs", run_id)

    def raw(self, run_id):
        """What `vm0 logs --raw` gives."""
        done = self.run("logs", run_id, "--raw")
        assert done.code == 0, done
        return done.stdout

    # HTTP

    @property
    def token(self):
        with open(os.path.join(self.data_dir, "admin.token"), encoding="ascii") as file:
            return file.read().strip()

    @property
    def http(self):
        """Over the unix socket, with the administrator's token."""
        return Http(self.connect, lambda: self.token)

    def connect(self):
        """A connection to the server's unix socket."""
        return _UnixConnection(os.path.join(self.data_dir, "server.sock"))

    @property
    def tcp(self):
        """Over TCP, with the administrator's token."""
        host, port = self.server.url.removeprefix("http://").split(":")
        return Http(lambda: http.client.HTTPConnection(host, int(port), timeout=waits.HANG_SECONDS),
                    lambda: self.token)

    def create_run(self, steps, dialect="plain", **fields):
        """A run by raw HTTP; gives its id."""
        config_id = self.create_config(dialect=dialect)
        answer = self.http.post("/api/agent/runs", {
            "agentConfigId": config_id, "prompt": json.dumps(steps), "sandbox": "none", **fields})
        assert answer.status == 201, answer
        return answer.json["runId"]

    def create_config(self, name="my-agent", **agent):
        agent = {"name": name, "provider": "command", "command": [FAKE_AGENT], "sandbox": "none",
                 **agent}
        answer = self.http.post("/api/agent/configs",
                                {"config": {"version": "1.0", "agent": agent}})
        assert answer.status in (200, 201), answer
        return answer.json["configId"]

    def page(self, run_id, since=0, limit=1000, wait=0, **query):
        text = "".join(f"&{name}={value}" for name, value in query.items())
        answer = self.http.get(
            f"/api/agent/runs/{run_id}/events?since={since}&limit={limit}&wait={wait}{text}")
        assert answer.status == 200, answer
        return answer.json

    def events_until(self, run_id, done):
        """All events of a run from its first on, as soon as done(events, status) holds."""
        events, since = [], 0
        while True:
            page = self.page(run_id, since, wait=30)
            events += page["events"]
            since = page["nextSequence"]
            if done(events, page["run"]["status"]):
                return events, page["run"]
            assert page["run"]["status"] not in TERMINAL or page["hasMore"], (page["run"], events)

    def wait_end(self, run_id):
        """All events and the `run` of the last page, once the run has ended."""
        return self.events_until(run_id, lambda _, status: status in TERMINAL)

    def wait_events(self, run_id, count):
        return self.events_until(run_id, lambda events, _: len(events) >= count)[0]

    # Processes of runs

    def supervisor_pid(self, run_id):
        """The pid in the run's lock file; waits until it is there."""
        runs = os.path.join(self.data_dir, "runs")
        if not os.path.isdir(runs):
            waits.wait_path(runs)
        waits.wait_path(self.run_dir(run_id))
        path = os.path.join(self.run_dir(run_id), "lock")
        waits.wait_path(path, waits.file_contains("pid="))
        with open(path, encoding="ascii") as file:
            return int(re.search(r"pid=(\d+)", file.read()).group(1))

    @staticmethod
    def agent_processes(run_id):
        """Pids of what runs for a run: the agent and all that it started."""
        return waits.processes_with(f"VM0_RUN_ID={run_id}")

    def files_with(self, secret):
        """Files of the world that hold these bytes: where a secret leaked to."""
        found = []
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    if stat.S_ISREG(os.lstat(path).st_mode):
                        with open(path, "rb") as file:
                            if secret in file.read():
                                found.append(path)
        return found

    # The end

    def describe(self):
        text = "".join(process.describe() for process in self.processes[-12:])
        for folder, _, names in os.walk(self.data_dir):
            for name in names:
                if name in ("supervisor.log", "server.log") or name.endswith(".log"):
                    path = os.path.join(folder, name)
                    with contextlib.suppress(OSError), open(path, errors="replace",
                                                            encoding="utf-8") as file:
                        text += f"--- {path}\n{file.read()[-4000:]}\n"
        return text

    def close(self):
        """Ends everything. Whatever outlives its supervisor is a failure of the product."""
        for process in self.processes:
            process.kill()
        survivors = self._end_processes()
        for closer in self._closers:
            closer.close()
        shutil.rmtree(self.root, ignore_errors=True)
        assert not survivors, f"outlived their supervisors: {survivors}"

    def _end_processes(self):
        """Kills servers and supervisors; gives what did not go with them."""
        agents = []
        for pid in waits.processes_with(self.root):
            command = waits.describe_process(pid)
            if re.search(r" (serve|supervise|runner) ", command + " "):
                waits.kill(pid)
                waits.wait_gone(pid)
            else:
                agents.append((pid, command))
        survivors = []
        for pid, command in agents:
            try:
                waits.wait_gone(pid, timeout=20)
            except waits.Hang:
                survivors.append((pid, command))
                waits.kill(pid)
        for pid in waits.processes_with(self.root):  # started meanwhile
            waits.kill(pid)
            waits.wait_gone(pid)
        return survivors
