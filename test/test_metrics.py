# SPDX-License-Identifier: Apache-2.0
"""GET /metrics: that its numbers are true, and that docs and dashboard speak of the same metrics."""

import json
import os
import re

import pytest

import waits
from test_live import open_stream, read_all
from vm0 import HERE

TRANSPORTS = {"sse": "sse", "ws": "websocket", "long-poll": "long_poll", "poll": "poll"}
SAMPLE = re.compile(r'([a-z_0-9]+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="([^"\\]*)"')
SUFFIXES = ("_bucket", "_sum", "_count")


class Metrics:
    """What a server answers, parsed strictly."""

    def __init__(self, text):
        self.types, self.helps, self.samples = {}, {}, {}
        assert text.endswith("\n")
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name, self.helps[name] = line[7:].split(" ", 1)
            elif line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                assert name not in self.types, f"{name} twice"
                self.types[name] = kind
            else:
                self._take(line)
        assert self.types.keys() == self.helps.keys()

    def _take(self, line):
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        key = (name, tuple(sorted(LABEL.findall(labels or ""))))
        assert key not in self.samples, f"{line} twice"
        assert self.family(name) in self.types, line
        self.samples[key] = float(value)

    def family(self, name):
        for suffix in SUFFIXES:
            base = name.removesuffix(suffix)
            if self.types.get(base) == "histogram" and base != name:
                return base
        return name

    def value(self, name, **labels):
        return self.samples[name, tuple(sorted(labels.items()))]

    def labels(self):
        """The names of the labels of each family."""
        found = {name: set() for name in self.types}
        for name, labels in self.samples:
            found[self.family(name)] |= {label for label, _ in labels} - {"le"}
        return found

    def buckets(self, name, **labels):
        wanted = set(labels.items())
        return [(float(dict(found)["le"]), value) for (sample, found), value in self.samples.items()
                if sample == name + "_bucket" and wanted <= set(found)]


def metrics_token(vm0):
    with open(os.path.join(vm0.data_dir, "metrics.token"), encoding="ascii") as file:
        return file.read().strip()


def read_metrics(vm0):
    answer = vm0.http.get("/metrics", token=metrics_token(vm0))
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(answer.body.decode())


def wait_metric(vm0, name, value, **labels):
    waits.until(f"{name} {labels} is {value}",
                lambda: read_metrics(vm0).value(name, **labels) == value)


def read_file(*path):
    with open(os.path.join(HERE, "..", *path), encoding="utf-8") as file:
        return file.read()


def documented():
    """Type and labels of each metric in docs/metrics.md."""
    rows = re.findall(r"^\| `([a-z_0-9]+)` \| (\w+) \| ([^|]*)\|", read_file("docs", "metrics.md"),
                      re.MULTILINE)
    assert len(rows) == len({name for name, _, _ in rows})
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


# Numbers


def test_the_readers_of_each_transport_are_counted_with_their_lag(vm0, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "one"}, {"wait": gate.path},
                             {"fill": {"count": 20, "size": 100}}])
    readers = [vm0.start("logs", run_id, "-f", "--transport", name) for name in TRANSPORTS]
    for reader in readers:
        reader.expect("one\n")
    for transport in ("sse", "websocket", "long_poll"):
        wait_metric(vm0, "vm0_readers", 1, transport=transport)
    before = read_metrics(vm0)
    assert before.value("vm0_runs", state="running") == 1
    assert before.value("vm0_supervisors", state="alive") == 1
    gate.open()
    for reader in readers:
        assert reader.wait() == 0
    after = read_metrics(vm0)

    def more(name, **labels):
        return after.value(name, **labels) - before.value(name, **labels)
    assert more("vm0_events_stored_total") == 20
    assert more("vm0_event_bytes_stored_total") == sum(
        len(json.dumps(event["eventData"], separators=(",", ":"))) for event in
        vm0.page(run_id)["events"][1:])
    assert more("vm0_event_commit_lag_seconds_count") == 20
    assert more("vm0_event_delivery_lag_seconds_count", transport="sse") == 20
    assert more("vm0_event_delivery_lag_seconds_count", transport="websocket") == 20
    assert 1 <= more("vm0_event_delivery_lag_seconds_count", transport="long_poll") <= 20
    for transport in TRANSPORTS.values():
        assert after.value("vm0_event_requests_total", transport=transport) >= 1
    assert after.value("vm0_readers", transport="sse") == 0
    assert after.value("vm0_runs", state="running") == 0
    assert after.value("vm0_runs_created_total") == 1
    assert after.value("vm0_runs_ended_total", status="completed") == 1
    assert after.value("vm0_run_queue_wait_seconds_count") == 1
    assert after.value("vm0_supervisors", state="alive") == 0
    commits = sum(after.value("vm0_store_commits_total", thread=name)
                  for name in ("loop", "committer"))
    assert after.value("vm0_store_commit_seconds_count") >= commits >= 4
    assert (after.value("vm0_store_queue_wait_seconds_count") ==
            after.value("vm0_store_commit_writes_sum"))


def test_the_lag_of_what_a_server_missed_is_as_long_as_it_was_away(vm0, clock, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "one"}, {"wait": gate.path}, {"line": "two"},
                             {"wait": gate.path}])
    vm0.wait_events(run_id, 1)
    server.kill9()
    gate.open()
    waits.wait_path(os.path.join(vm0.run_dir(run_id), "spool"), waits.file_contains("two"))
    clock.advance(40)
    server.start()
    clock.advance(30)
    vm0.wait_events(run_id, 2)
    lag = read_metrics(vm0)
    assert lag.value("vm0_event_commit_lag_seconds_count") == 1
    assert 40 <= lag.value("vm0_event_commit_lag_seconds_sum") < 120
    gate.open()


def stall_live(vm0, clock):
    """A reader that was there before 1500 events came, and took no more than its connection did."""
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "one"}, {"wait": gate.path},
                             {"fill": {"count": 1500, "size": 10_000}}])
    vm0.wait_events(run_id, 1)
    stalled = open_stream(vm0, run_id, receive_buffer=4096)
    text = b""
    while b"id: 1\n" not in text:
        text += stalled.recv(4096)
    gate.open()
    vm0.wait_end(run_id)
    clock.wait_timer("server", within=1)
    clock.advance(1)
    return stalled


def test_what_was_taken_back_from_a_slow_reader_is_delivered_once(vm0, clock, server):
    with stall_live(vm0, clock) as stalled:
        def delivered():
            return read_metrics(vm0).value("vm0_event_delivery_lag_seconds_count", transport="sse")
        assert delivered() < 1500
        clock.wait_timer("server", within=29)
        clock.advance(28)
        read_all(stalled)
        assert delivered() == 1500


def test_a_reader_that_is_cut_off_is_counted(vm0, clock, server):
    with stall_live(vm0, clock):
        clock.wait_timer("server", within=29)
        clock.advance(29)
        metrics = read_metrics(vm0)
    assert metrics.value("vm0_streams_cut_total", reason="stalled") == 1
    assert metrics.value("vm0_event_delivery_lag_seconds_count", transport="sse") < 1500
    assert metrics.value("vm0_readers", transport="sse") == 0


def test_empty_polls_are_counted(vm0, server):
    gate = vm0.gate()
    run_id = vm0.create_run([{"line": "one"}, {"wait": gate.path}])
    vm0.wait_events(run_id, 1)
    before = read_metrics(vm0)
    vm0.page(run_id)
    vm0.page(run_id, since=1)
    vm0.page(run_id, since=1)
    after = read_metrics(vm0)
    assert after.value("vm0_event_requests_total", transport="poll") - before.value(
        "vm0_event_requests_total", transport="poll") == 3
    assert after.value("vm0_empty_polls_total", transport="poll") - before.value(
        "vm0_empty_polls_total", transport="poll") == 2
    gate.open()


def test_the_process_is_the_servers(vm0, server):
    metrics = read_metrics(vm0)
    with open(f"/proc/{server.pid}/status", encoding="ascii") as file:
        resident = int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024
    assert metrics.value("process_resident_memory_bytes") == pytest.approx(resident, rel=0.2)
    assert metrics.value("process_cpu_seconds_total") > 0
    assert 3 < metrics.value("process_open_fds") <= metrics.value("process_max_fds")
    version = vm0.run("version").stdout.decode().split()[-1].strip()
    assert metrics.value("vm0_build_info", version=version) == 1


# Form


def test_buckets_ascend_and_end_with_the_count(vm0, server):
    vm0.run_agent([{"line": "one"}])
    metrics = read_metrics(vm0)
    for name, kind in metrics.types.items():
        if kind != "histogram":
            continue
        for labels in {found for sample, found in metrics.samples if sample == name + "_count"}:
            buckets = metrics.buckets(name, **dict(labels))
            assert buckets == sorted(buckets), name
            assert buckets[-1] == (float("inf"), metrics.value(name + "_count", **dict(labels)))


def test_the_docs_list_exactly_the_metrics_there_are(vm0, server):
    metrics = read_metrics(vm0)
    assert {name: (kind, metrics.labels()[name]) for name, kind in metrics.types.items()
            } == documented()


def test_there_are_no_more_series_after_many_runs(vm0, server):
    vm0.run_agent([{"line": "one"}])
    before = read_metrics(vm0).samples.keys()
    for name in ("a", "b", "c"):
        vm0.run_agent([{"line": name}], name=name)
    assert read_metrics(vm0).samples.keys() == before


def test_the_dashboard_asks_for_what_there_is(vm0, server):
    vm0.run_agent([{"line": "one"}])
    metrics = read_metrics(vm0)
    labels = metrics.labels()
    text = read_file("packaging", "grafana", "vm0.json")
    asked = set()
    for query in re.findall(r'"expr": ("(?:[^"\\]|\\.)*")', text):
        query = json.loads(query)
        assert query.count("(") == query.count(")"), query
        families = set()
        for name in re.findall(r"\b(?:vm0|process)_[a-z_]+", query):
            assert any(name == sample for sample, _ in metrics.samples), f"{name} in {query}"
            families.add(metrics.family(name))
        assert families, query
        named = {"instance", "le"}.union(*(labels[family] for family in families))
        for group in re.findall(r"by \(([^)]*)\)", query):
            assert set(re.findall(r"\w+", group)) <= named, query
        for label in re.findall(r"(\w+)=~?\"", query):
            assert label in named, query
        assert ("histogram_quantile" in query) == ("_bucket" in query), query
        asked |= families
    assert asked >= set(metrics.types) - {"vm0_build_info", "vm0_event_bytes_stored_total",
                                          "vm0_runs_created_total", "vm0_store_commits_total"}


# Who may read them


def test_the_token_is_for_metrics_alone_and_stays(vm0, server):
    token = metrics_token(vm0)
    path = os.path.join(vm0.data_dir, "metrics.token")
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert vm0.http.get("/metrics", token=None).status == 401
    assert vm0.http.get("/api/agent/runs", token=token).status == 401
    assert vm0.tcp.get("/metrics", token=token).status == 200
    assert vm0.tcp.request("HEAD", "/metrics", token=token).body == b""
    server.restart()
    assert vm0.tcp.get("/metrics", token=token).status == 200
    os.remove(path)
    server.restart()
    assert vm0.tcp.get("/metrics", token=token).status == 401
    assert metrics_token(vm0) != token
