# SPDX-License-Identifier: Apache-2.0
"""E2B's control plane and edge, with sandboxes that are boxes on this machine.

In a test:     with E2bServer(folder) as e2b: … vm0.serve(…, env=e2b.environment()) … e2b.sandboxes()
As a program:  python3 test/e2b/server.py FOLDER    prints the environment for a client, serves till Ctrl-C
"""

import base64
import datetime
import json
import os
import re
import secrets
import shutil
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if not __package__:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from e2b import body
from e2b.box import Box
from e2b.faults import Faults
from e2b.relay import Relay

API_KEY = "e2b_" + "0123456789abcdef" * 2 + "01234567"
DEFAULT_TIMEOUT = 15
DEFAULT_TIMEOUT_V2 = 300
LONGEST_TIMEOUT = 3600
LONGEST_PAGE = 100
ENVD_VERSION = "0.5.7"  # what clients may ask for depends on it


class Template:
    """What a sandbox is made of, beside the host's /usr: folders shown read-only, and the PATH."""

    def __init__(self, binds=(), path="/usr/local/bin:/usr/bin:/bin"):
        self.binds, self.path = list(binds), path


class Sandbox:
    """One that runs, from its creation to its end."""

    def __init__(self, server, wanted):
        self.id = "i" + secrets.token_hex(10)
        self.template = wanted["templateID"]
        self.metadata = wanted.get("metadata") or {}
        self.token = secrets.token_hex(16) if wanted.get("secure") else None
        self.started = time.time()
        self.lock = threading.Lock()
        self.timer = None
        self.is_over = False
        self.server = server
        template = server.templates[self.template]
        settings = {"accessToken": self.token, "envVars": wanted.get("envVars") or {}, "path": template.path}
        self.box = Box(os.path.join(server.folder, self.id), template.binds, settings)
        self.extend(wanted["timeout"])

    def extend(self, seconds):
        with self.lock:
            if self.timer:
                self.timer.cancel()
            self.ends = time.time() + seconds
            self.timer = threading.Timer(seconds, self.server.end, (self.id,))
            self.timer.daemon = True
            if not self.is_over:
                self.timer.start()

    def end(self):
        with self.lock:
            self.is_over = True
            self.timer.cancel()
        self.box.remove()

    def describe(self):
        def iso(seconds):
            return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
        return {"sandboxID": self.id, "templateID": self.template, "alias": self.template, "clientID": "test",
                "startedAt": iso(self.started), "endAt": iso(self.ends), "cpuCount": 2, "memoryMB": 512,
                "diskSizeMB": 1024, "envdVersion": ENVD_VERSION, "metadata": self.metadata, "state": "running"}

    def created(self):
        answer = {"sandboxID": self.id, "templateID": self.template, "alias": self.template,
                  "clientID": "test", "envdVersion": ENVD_VERSION}
        if self.token:
            answer["envdAccessToken"] = self.token
        return answer


def order_of(sandbox):
    return sandbox.started, sandbox.id


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def metadata_wanted(query):
    """The value is a query, escaped as a whole; each of its names and values is, once more."""
    text = urllib.parse.unquote_plus(query.get("metadata", ""))
    wanted = {}
    for pair in text.split("&") if text else []:
        name, equals, value = pair.partition("=")
        if not equals or "=" in value:
            raise ApiError(400, "invalid key value pair in query")
        wanted[urllib.parse.unquote_plus(name)] = urllib.parse.unquote_plus(value)
    return wanted


class ApiError(Exception):
    def __init__(self, status, message, headers=None):
        super().__init__(message)
        self.status, self.headers = status, headers or {}


class ApiHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        owner = self.server.owner
        fault = owner.faults.take(self.command, self.path)
        owner.log(self.command, self.path, fault)
        data = b"".join(body.pieces(self.headers, self.rfile))
        if fault and fault.hold:
            fault.hold.wait()
        if fault and fault.lose == "request":
            self.close_connection = True
            return
        headers = {}
        try:
            if fault and fault.status:
                raise ApiError(fault.status, fault.message, fault.headers)
            status, answer, headers = owner.answer(self.command, self.path, self.headers, data)
        except ApiError as error:
            status, answer, headers = error.status, {"code": error.status, "message": str(error)}, error.headers
        if fault and fault.lose == "answer":
            self.close_connection = True
            return
        data = b"" if answer is None else json.dumps(answer).encode()
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = handle_any


class ApiServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that was killed
            super().handle_error(request, client_address)


class E2bServer:
    """Both ports on 127.0.0.1, chosen by the kernel unless given."""

    def __init__(self, folder, templates=None, api_key=API_KEY, most_sandboxes=1000, ports=(0, 0)):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        self.templates = {"base": Template(), **(templates or {})}
        self.api_key, self.most_sandboxes = api_key, most_sandboxes
        self.longest_page = LONGEST_PAGE  # a test may want smaller ones
        self.faults = Faults()
        self.requests = []  # (method, path), in the order they came
        self._sandboxes, self._lock = {}, threading.Lock()
        self._making = 0
        self._api = ApiServer(("127.0.0.1", ports[0]), ApiHandler)
        self._api.owner = self
        self._relay = Relay(self, ports[1])
        for server in (self._api, self._relay):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.api_url = f"http://127.0.0.1:{self._api.server_address[1]}"
        self.sandbox_url = f"http://127.0.0.1:{self._relay.server_address[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.faults.clear()
        self._api.shutdown()
        self._relay.shutdown()
        self._api.server_close()
        self._relay.server_close()
        for sandbox in self.sandboxes():
            self.end(sandbox.id)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self):
        """What a client needs to know."""
        return {"E2B_API_KEY": self.api_key, "E2B_API_URL": self.api_url, "E2B_SANDBOX_URL": self.sandbox_url}

    # For tests

    def sandboxes(self):
        with self._lock:
            return list(self._sandboxes.values())

    def end(self, sandbox_id):
        """It dies as a machine that is switched off; the API knows it no more. Whether there was one."""
        with self._lock:
            sandbox = self._sandboxes.pop(sandbox_id, None)
        if sandbox:
            sandbox.end()
        return sandbox is not None

    def count(self, method, path):
        return sum(1 for asked in list(self.requests) if asked[0] == method and re.fullmatch(path, asked[1]))

    # For the two servers

    def log(self, method, path, _fault):
        self.requests.append((method, path))

    @staticmethod
    def error(status, message):
        return json.dumps({"code": status, "message": message}).encode()

    @staticmethod
    def not_found(sandbox_id):
        return json.dumps({"sandboxId": sandbox_id, "message": "The sandbox was not found",
                           "code": 502}).encode()

    def box_of(self, headers):
        """By header, or by a host name <port>-<id>.<domain>."""
        sandbox_id = headers.get("e2b-sandbox-id") or headers.get("host", "").partition(".")[0].partition("-")[2]
        with self._lock:
            sandbox = self._sandboxes.get(sandbox_id)
        return (sandbox.box if sandbox and sandbox.box.running else None), sandbox_id

    def answer(self, method, target, headers, data):
        if headers.get("X-API-Key") != self.api_key:
            raise ApiError(401, "Invalid API key")
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        try:
            message = json.loads(data or b"{}")
        except ValueError:
            raise ApiError(400, "Error when parsing request") from None
        for wanted_method, pattern, act in self.ROUTES:
            found = re.fullmatch(pattern, url.path)
            if found and method == wanted_method:
                return act(self, *found.groups(), query=query, message=message)
        raise ApiError(404, "no matching operation was found")

    def find(self, sandbox_id):
        with self._lock:
            sandbox = self._sandboxes.get(sandbox_id)
        if not sandbox:
            raise ApiError(404, f'sandbox "{sandbox_id}" doesn\'t exist or you don\'t have access to it')
        return sandbox

    def create(self, query, message):
        return self.make({"timeout": DEFAULT_TIMEOUT, **message})

    def create_v2(self, query, message):
        return self.make({"timeout": DEFAULT_TIMEOUT_V2, **message, "secure": True})

    def make(self, message):
        template = message.get("templateID")
        if not isinstance(template, str):
            raise ApiError(400, "Error when parsing request: templateID is missing")
        if template not in self.templates:
            raise ApiError(404, f"template '{template}' not found")
        self.check_timeout(message["timeout"])
        for name in ("metadata", "envVars"):
            if not all(isinstance(value, str) for value in (message.get(name) or {}).values()):
                raise ApiError(400, f"Error when parsing request: {name} must have strings")
        with self._lock:
            if len(self._sandboxes) + self._making >= self.most_sandboxes:
                raise ApiError(429, "you have reached the maximum number of concurrent E2B sandboxes "
                               f"({self.most_sandboxes}). If you need more, please contact us")
            self._making += 1
        try:
            sandbox = Sandbox(self, message)
        finally:
            with self._lock:
                self._making -= 1
        with self._lock:
            self._sandboxes[sandbox.id] = sandbox
        return 201, sandbox.created(), {}

    @staticmethod
    def check_timeout(seconds):
        if not isinstance(seconds, int) or seconds < 0:
            raise ApiError(400, "timeout must be a number of seconds")
        if seconds > LONGEST_TIMEOUT:
            raise ApiError(400, f"Timeout cannot be greater than {LONGEST_TIMEOUT // 3600} hours")

    def list(self, query, message):
        found = [sandbox for sandbox in self.sandboxes()
                 if metadata_wanted(query).items() <= sandbox.metadata.items()]
        return 200, [sandbox.describe() for sandbox in found], {}

    def list_v2(self, query, message):
        """By pages. A page begins after the sandbox that the token names, whatever has come and gone since."""
        wanted, template = metadata_wanted(query), query.get("template")
        is_asked = "running" in query.get("state", "running,paused").split(",")
        after = time_of(query["startedAfter"]) if "startedAfter" in query else 0
        found = [sandbox for sandbox in self.sandboxes()
                 if is_asked and wanted.items() <= sandbox.metadata.items() and sandbox.started >= after
                 and template in (None, sandbox.template)]
        is_up = query.get("order", "desc") == "asc"
        found.sort(key=order_of, reverse=not is_up)
        headers = {"X-Total-Running": str(len(found))}
        if token := query.get("nextToken"):
            last = tuple(json.loads(base64.urlsafe_b64decode(token)))
            found = [sandbox for sandbox in found if (order_of(sandbox) > last) == is_up
                     and order_of(sandbox) != last]
        limit = int(query.get("limit", LONGEST_PAGE))
        if not 1 <= limit <= LONGEST_PAGE:
            raise ApiError(400, f"limit must be from 1 to {LONGEST_PAGE}")
        limit = min(limit, self.longest_page)
        if len(found) > limit:
            token = json.dumps(order_of(found[limit - 1])).encode()
            headers["X-Next-Token"] = base64.urlsafe_b64encode(token).decode()
        return 200, [sandbox.describe() for sandbox in found[:limit]], headers

    def show(self, sandbox_id, query, message):
        sandbox = self.find(sandbox_id)
        answer = sandbox.describe()
        if sandbox.token:
            answer["envdAccessToken"] = sandbox.token
        return 200, answer, {}

    def delete(self, sandbox_id, query, message):
        self.find(sandbox_id)
        self.end(sandbox_id)
        return 204, None, {}

    def set_timeout(self, sandbox_id, query, message):
        self.check_timeout(message.get("timeout"))
        self.find(sandbox_id).extend(message["timeout"])
        return 204, None, {}

    def connect(self, sandbox_id, query, message):
        """Gives time, takes none."""
        self.check_timeout(message.get("timeout"))
        sandbox = self.find(sandbox_id)
        if time.time() + message["timeout"] > sandbox.ends:
            sandbox.extend(message["timeout"])
        return 200, sandbox.created(), {}

    def connect_v2(self, sandbox_id, query, message):
        return self.connect(sandbox_id, query, {"timeout": DEFAULT_TIMEOUT_V2, **message})

    ROUTES = (
        ("POST", r"/sandboxes", create),
        ("POST", r"/v2/sandboxes", create_v2),
        ("GET", r"/sandboxes", list),
        ("GET", r"/v2/sandboxes", list_v2),
        ("GET", r"/sandboxes/([^/]+)", show),
        ("DELETE", r"/sandboxes/([^/]+)", delete),
        ("POST", r"/sandboxes/([^/]+)/timeout", set_timeout),
        ("POST", r"/sandboxes/([^/]+)/connect", connect),
        ("POST", r"/v2/sandboxes/([^/]+)/connect", connect_v2),
    )


def main():
    with E2bServer(sys.argv[1]) as server:
        for name, value in server.environment().items():
            print(f"{name}={value}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
