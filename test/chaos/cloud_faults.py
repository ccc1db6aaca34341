# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a round whose runs go to sandboxes: the server, the gate, as in other rounds; sandboxes and what
is in them; E2B's answers."""

import signal
import threading

import waits
from cloud import AGENT, cmdline, in_box, supervisors_in
from faults import PLANNERS, Faults, Step
from points import POINTS, POINTS_OF_SANDBOXES

KINDS = {"kill": 45, "freeze": 6, "point": 30, "gate": 14, "stop_server": 4, "away": 8, "strand": 12, "e2b": 60}
PROCESSES = {"server": 3, "supervisor": 3, "agent": 1, "sandbox": 3}
# Supervisors in sandboxes do not see the armed fault.
POINTS_OF_SERVER = [name for name, (who, _) in POINTS.items() if who != "supervisor"]
POINTS_OF_RUNNER = [name for name, (who, _) in POINTS_OF_SANDBOXES.items() if who == "server"]

# A request to E2B: its method and path, and how often it may go wrong in a row.
FILE = r"/files\?path=.*"
REQUESTS = {
    "create": ("POST", "/sandboxes"),
    "upload program": ("POST", FILE + r"%2Fvm0%2Fvm0(&.*)?"),
    "upload": ("POST", FILE),
    "start": ("POST", "/process.Process/Start"),
    "connect": ("POST", "/process.Process/Connect"),
    "download": ("GET", FILE),
    "input": ("POST", "/process.Process/SendInput"),
    "signal": ("POST", "/process.Process/SendSignal"),
    "timeout": ("POST", "/sandboxes/.*/timeout"),
    "find": ("GET", "/sandboxes/[^?]*"),
    "list": ("GET", r"/v2/sandboxes.*"),
    "delete": ("DELETE", "/sandboxes/.*"),
}
STREAMS = ("start", "connect", "download")
BODIES = ("upload program", "upload")


def plan_cloud_faults(rng, plans, moments):
    steps = []
    for _ in range(rng.randint(5, 15)):
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        planner = OWN_PLANNERS.get(kind) or PLANNERS[kind]
        steps += planner(rng, rng.randint(0, moments - 1), rng.randrange(len(plans)), moments)
    return sorted(steps, key=lambda step: step.due)


def _plan_kill(rng, due, run, _):
    return [Step(due, f"kill {rng.choices(list(PROCESSES), list(PROCESSES.values()))[0]}", run, None)]


def _plan_freeze(rng, due, run, moments):
    process = rng.choice(["server", "supervisor"])
    return [Step(due, f"freeze {process}", run, None),
            Step(due + rng.randint(1, moments // 4), f"thaw {process}", run, None)]


def _plan_strand(_rng, due, run, _moments):
    return [Step(due, "strand supervisor", run, None)]


def _plan_point(rng, due, run, _):
    name = rng.choice(POINTS_OF_RUNNER * 4 + POINTS_OF_SERVER)
    return [Step(due if rng.random() < 0.7 else -1, f"point {name}:{rng.choice(['crash', 'crash', 'hang', 'stop'])}",
                 run, rng.choice([1, 1, 1, 2, 3, 5]))]


def _plan_e2b(rng, due, run, moments):
    request = rng.choice(list(REQUESTS))
    ways = ["refuse", "refuse", "lose request", "lose answer", "hold"]
    ways += ["cut answer"] * 2 * (request in STREAMS) + ["cut request"] * 3 * (request in BODIES)
    way = rng.choice(ways)
    detail = {"times": rng.choice([1, 1, 2, 3])}
    if way == "refuse":
        detail["status"] = rng.choice([429, 500, 502, 503])
        detail["headers"] = {"Retry-After": "1"} if rng.random() < 0.3 else {}
    elif way.startswith("lose"):
        detail["lose"] = way.split()[1]
    elif way.startswith("cut"):
        detail[way.replace(" ", "_")] = rng.choice([0, 1, 100, 200, 1_000, 50_000, 1 << 20])
    steps = [Step(due if rng.random() < 0.6 else -1, f"e2b {request}: {way}", run, detail)]
    if way == "hold":
        steps.append(Step(due + rng.randint(1, moments // 3), "release", run, None))
    return steps


OWN_PLANNERS = {"kill": _plan_kill, "freeze": _plan_freeze, "point": _plan_point, "strand": _plan_strand,
                "e2b": _plan_e2b}


class CloudFaults(Faults):
    """Does the steps of one round."""

    def __init__(self, arena, runs):
        super().__init__(arena, runs)
        self._held = []

    def run_of(self, pid):
        """None: what fires is the server, whose pid is in its runs' locks."""
        return None

    def _pid(self, process, run):
        if process == "server":
            return self._arena.world.server.pid
        for sandbox in self._arena.sandboxes_of(run.run_id) if run.run_id else []:
            found = supervisors_in(sandbox) if process == "supervisor" else agents_in(sandbox)
            if found:
                return found[0]
        return None

    def _kill(self, process, step):
        if process == "sandbox":
            return self._end_sandbox(step)
        return super()._kill(process, step)

    def _strand(self, process, step):
        """It dies with events that it could not ship: the server stands still while its agent goes on."""
        server = self._pid("server", None)
        waits.kill(server, signal.SIGSTOP)
        try:
            for run in self._runs[step.target:] + self._runs[:step.target]:
                if self._pid(process, run) and run.get_ahead():
                    return self._kill(process, step._replace(target=self._runs.index(run)))
            return False
        finally:
            waits.kill(server, signal.SIGCONT)

    def _end_sandbox(self, step):
        for run in self._runs[step.target:] + self._runs[:step.target]:
            for sandbox in self._arena.sandboxes_of(run.run_id) if run.run_id else []:
                run.suffered.add("sandbox")
                self._arena.e2b.end(sandbox.id)
                return True
        return False

    def _e2b(self, rest, step):
        request, _, way = rest.partition(": ")
        detail = dict(step.detail)
        if way == "hold":
            detail["hold"] = threading.Event()
            self._held.append(detail["hold"])
        self._arena.e2b.add_fault(step.kind, *REQUESTS[request], **detail)
        return False  # counted when it comes true

    def _release(self, *_):
        while self._held:
            self._held.pop().set()
        return False

    def end(self):
        self._release()
        self._arena.e2b.faults.clear()
        super().end()
        self.counts += self._arena.e2b.take_hits()


def agents_in(sandbox):
    return [pid for pid in waits.processes_with(AGENT)
            if cmdline(pid).startswith(AGENT.encode()) and in_box(pid, sandbox)]
