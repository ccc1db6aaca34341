# SPDX-License-Identifier: Apache-2.0
"""The network of a boxed run: what its rules let through, and what its log says."""

import http.server
import json
import threading

import pytest


class Site:
    """A web server of the host, on the loopback."""

    def __init__(self):
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append((self.path, self.headers["Host"]))
                self.send_response(200)
                self.send_header("Content-Length", "6")
                self.end_headers()
                self.wfile.write(b"a site")

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.at = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site():
    made = Site()
    yield made
    made.close()


# The loopback goes past the proxy unless one says so.
CURL = "curl -sS --noproxy ''"


def run_shell(vm0, script, *options, **config):
    path = vm0.config("shell", command=["/bin/sh", "-c", script], sandbox="bubblewrap", **config)
    return vm0.run("run", path, "p", *options)


def entries(vm0):
    answer = vm0.http.get(f"/api/agent/runs/{vm0.only_run()}/network")
    assert not answer.json["hasMore"]
    return [(entry["method"], entry["host"], entry["path"], entry["status"])
            for entry in answer.json["entries"]]


def test_row_RequestPassed_to_an_address_that_a_rule_names(vm0, server, site):
    done = run_shell(vm0, f"{CURL} 'http://{site.at}/x?token=1'; "
                          f"{CURL} --proxytunnel http://{site.at}/y", allow=[site.at])
    assert done.code == 0, done
    assert done.stdout == b"a sitea site\n"
    assert site.seen == [("/x?token=1", site.at), ("/y", site.at)]
    assert entries(vm0) == [("GET", site.at, "/x", 200), ("CONNECT", site.at, "", 200)]
    assert b"[vm0]" not in done.stderr, "what was allowed is not shown"
    log = vm0.run("logs", vm0.only_run(), "--network")
    assert b"  200  GET      " + site.at.encode() + b"/x  sent 0 B, received 6 B, " in log.stdout
    assert b"token" not in log.stdout
    listed = vm0.run("logs", vm0.only_run(), "--network", "--json", "--limit", "1")
    assert json.loads(listed.stdout)["eventData"]["event"] == "network"


def test_row_RequestRefused_to_the_hosts_loopback_without_a_rule(vm0, server, site):
    done = run_shell(vm0, f"{CURL} http://{site.at}/; curl -sS -m 5 --noproxy '*' "
                          f"http://{site.at}/ 2>&1", allow=["example.com"])
    assert done.code != 0, done
    assert b"vm0: " + site.at.encode() + b" is not on the run's allow-list" in done.stdout
    assert site.seen == []
    assert b"[vm0] GET " + site.at.encode() + b"/: " in done.stderr
    assert entries(vm0) == [("GET", site.at, "/", 403)]


def test_allow_on_the_command_line_replaces_the_configs_list(vm0, server, site):
    done = run_shell(vm0, f"{CURL} http://{site.at}/; {CURL} http://a.example/",
                     "--allow", site.at, allow=["a.example"])
    assert done.stdout.startswith(b"a sitevm0: a.example:80 is not on"), done


def test_network_none_has_no_proxy(vm0, server, site):
    done = run_shell(vm0, "env | grep -i proxy; curl -sS -m 5 http://127.0.0.1:3128/ 2>&1; true",
                     "--network", "none")
    assert done.code == 0, done
    assert b"proxy=" not in done.stdout.lower(), done
    assert b"Failed to connect" in done.stdout, done


def test_the_servers_rules_hold_for_every_run(vm0, site):
    vm0.serve("--allow", site.at, "--deny", "*.evil.example:*")
    done = run_shell(vm0, f"{CURL} http://{site.at}/; {CURL} http://a.evil.example/",
                     allow=["a.evil.example"])
    assert done.stdout == b"a sitevm0: a.evil.example:80 is denied by this server\n", done


@pytest.mark.parametrize("arguments", [("serve", "--allow", "http://x"), ("serve", "--deny", "a b"),
                                       ("run", "claude-code", "p", "--allow", "127.1")])
def test_a_bad_rule_is_named(vm0, arguments):
    done = vm0.run(*arguments)
    assert done.code == 2
    assert f'rule "{arguments[-1]}"'.encode() in done.stderr, done
