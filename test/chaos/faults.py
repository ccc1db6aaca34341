# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in a round, and when: a list of steps, each due when so many events were seen."""

import collections
import os
import re
import signal

import vm0
import waits
from agents import seeded
from gate import ACTIONS, DIRECTIONS, Trip
from points import POINTS

# `due`: how many of the round's events were seen. `kind` is what the report counts it under.
Step = collections.namedtuple("Step", "due kind target detail")

STOP_MOMENTS = 40  # more than a process needs to stop that said it will

PROCESSES = ("server", "supervisor", "launcher", "inside", "agent")
KINDS = {"kill": 30, "freeze": 14, "point": 30, "gate": 20, "stop_server": 5, "away": 8}
# More, in worlds of some kinds.
MORE_KINDS = {"power": {"lose_power": 40}, "small disk": {"full_disk": 40}, "plain": {}}


def plan_faults(rng, runs, events, world):
    """The steps of a round with so many runs and events."""
    kinds = KINDS | MORE_KINDS[world]
    steps = []
    for _ in range(rng.choice([1, 2, 2, 3, 3, 4])):
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        due = rng.randint(0, max(1, events - 1))
        steps += PLANNERS[kind](rng, due, rng.randrange(runs), events)
    return sorted(steps, key=lambda step: step.due)


def _plan_kill(rng, due, run, _):
    return [Step(due, f"kill {rng.choice(PROCESSES)}", run, None)]


def _plan_freeze(rng, due, run, events):
    process = rng.choice(PROCESSES)
    until = due + rng.randint(1, max(2, events // 3))
    return [Step(due, f"freeze {process}", run, None), Step(until, f"thaw {process}", run, None)]


def _plan_point(rng, due, run, _):
    name = rng.choice(list(POINTS))
    action = rng.choice(POINTS[name][1])
    at = rng.choice([1, 1, 1, 2, 3, 5])
    # Early, so that also what happens once in a run is hit.
    due = due if rng.random() < 0.4 else -1
    return [Step(due, f"point {name}:{action}", run, at)]


def _plan_gate(rng, due, run, events):
    if rng.random() < 0.15:
        return [Step(due, "gate refuse", run, rng.randint(1, 6))]
    trip = Trip(rng.choice(ACTIONS), rng.choice(DIRECTIONS),
                rng.choice([0, 1, 80, 300, 2_000, 20_000, 200_000]))
    steps = [Step(due, f"gate {trip.action}", run, trip)]
    if trip.action == "stall":
        until = due + rng.randint(1, max(2, events // 3))
        steps.append(Step(until, "gate release", run, None))
    return steps


def _plan_stop_server(_rng, due, run, _events):
    return [Step(due, "stop server", run, None)]


def _plan_away(rng, due, run, events):
    until = due + rng.randint(1, max(2, events // 4))
    return [Step(due, "take server away", run, None), Step(until, "bring server back", run, None)]


def _plan_lose_power(rng, due, run, _):
    return [Step(due, "lose power", run, rng.getrandbits(32))]


def _plan_full_disk(rng, due, run, events):
    until = due + rng.randint(1, max(2, events // 3))
    leave = rng.choice([0, 0, 4096, 65536, 300_000])
    return [Step(due, "fill disk", run, leave), Step(until, "empty disk", run, None)]


PLANNERS = {"kill": _plan_kill, "freeze": _plan_freeze, "point": _plan_point, "gate": _plan_gate,
            "stop_server": _plan_stop_server, "away": _plan_away,
            "lose_power": _plan_lose_power, "full_disk": _plan_full_disk}


class Faults:
    """Does the steps of one round; knows afterwards what each run suffered."""

    def __init__(self, arena, runs):
        self._arena = arena
        self._runs = runs  # of this round, with .run_id and .suffered
        self.counts = collections.Counter()
        self.frozen = {}  # pid → run or None, of what stands still
        self.server_failed = False  # an operation of the server's was made to fail
        self._armed_action = None

    def do(self, step):
        word, _, rest = step.kind.partition(" ")
        if getattr(self, f"_{word}")(rest, step):
            self.counts[step.kind] += 1

    # Processes

    def _pid(self, process, run):
        if process == "server":
            return self._arena.world.server.pid
        supervisor = supervisor_of(self._arena.world, run.run_id)
        if process == "supervisor" or supervisor is None:
            return supervisor
        tree = waits.descendants(supervisor)
        agents = [pid for pid in tree if is_agent(pid)]
        if process == "agent":
            return agents[0] if agents else None
        others = [pid for pid in tree if pid not in agents]
        place = 0 if process == "launcher" else 1
        return others[place] if len(others) > place else None

    def _find(self, process, first):
        """A run that has such a process now, and its pid: the first one meant, else a later one."""
        for run in self._runs[first:] + self._runs[:first]:
            pid = self._pid(process, run)
            if pid is not None:
                return run, pid
        return None, None

    def _kill(self, process, step):
        if process == "server":
            self._arena.restart()
            return True
        run, pid = self._find(process, step.target)
        if run is None:
            return False
        if process == "supervisor":
            waits.kill(pid, signal.SIGSTOP)
            run.keep_spool()
        run.suffered.add(process)
        waits.kill(pid)
        return True

    def _freeze(self, process, step):
        _, pid = self._find(process, step.target)
        if pid is None:
            return False
        self.frozen[pid] = process
        waits.kill(pid, signal.SIGSTOP)
        return True

    def _thaw(self, process, _):
        for pid, what in list(self.frozen.items()):
            if what == process:
                waits.kill(pid, signal.SIGCONT)
                del self.frozen[pid]
        return False  # counted when it was frozen

    def _stop(self, *_):
        self._arena.stop_server()
        self._arena.start()
        return True

    def _take(self, *_):
        self._arena.kill_server()
        return True

    def _bring(self, *_):
        self._arena.start()
        return False

    def _fill(self, _, step):
        self._arena.fill_disk(step.detail)
        self.server_failed = True
        return True

    def _empty(self, *_):
        self._arena.empty_disk()
        return False

    def _lose(self, _, step):
        for run in self._runs:
            run.lose_power()
        self.frozen.clear()
        self._arena.lose_power(seeded(step.detail))
        return True

    # Fault points

    def _point(self, spec, step):
        point, _, action = spec.partition(":")
        self._arena.disarm()
        self._arena.arm(point, action, step.detail, id(step))
        self._armed_action, self._armed_kind = action, step.kind
        return False  # counted when it fires

    def attend(self, moves):
        """To processes that a fault point stopped: something else moves meanwhile, then they are
        killed or go on."""
        for pid in self._arena.progress.take_fired():
            self.counts[self._armed_kind] += 1
            run = self.run_of(pid)
            action = self._armed_action
            if action == "fail":
                self.server_failed |= run is None
                continue
            if action in ("hang", "stop"):
                self._arena.progress.let_move(moves)
            if action == "stop":
                self.let_on(pid)
                continue
            if run is not None:
                run.keep_spool()
                run.suffered.add("supervisor")
            waits.kill(pid)

    def let_on(self, pid):
        """A process that stops at a fault point. It tells before it stops, and a signal to go on that
        comes in between would be lost."""
        for _ in range(STOP_MOMENTS):
            if state_of(pid) != "running":
                break
            self._arena.wait_moment()
        waits.kill(pid, signal.SIGCONT)

    def run_of(self, pid):
        """The run whose supervisor it is or was."""
        for run in self._runs:
            if run.run_id and lock_pid(self._arena.world, run.run_id) == pid:
                return run
        return None

    # The gate

    def _gate(self, what, step):
        gate = self._arena.gate
        if what == "release":
            gate.release()
            return False
        if what == "refuse":
            gate.refuse(step.detail)
        else:
            gate.set_trip(step.detail)
        return True

    def end(self):
        """All of them are over."""
        self._arena.disarm()
        for pid in self.frozen:
            waits.kill(pid, signal.SIGCONT)
        self.frozen.clear()
        self._arena.gate.release()
        self._arena.empty_disk()
        self.attend(1)
        self._arena.start()


def lock_pid(world, run_id):
    """The pid in the run's lock file: its supervisor, living or dead."""
    try:
        with open(os.path.join(world.run_dir(run_id), "lock"), encoding="ascii") as file:
            found = re.search(r"pid=(\d+)", file.read())
            return int(found.group(1)) if found else None
    except OSError:
        return None


def supervisor_of(world, run_id):
    """The pid of the run's living supervisor."""
    pid = lock_pid(world, run_id) if run_id else None
    if pid is None:
        return None
    return pid if f"supervise {world.run_dir(run_id)}" in waits.describe_process(pid) else None


def state_of(pid):
    """"running", "stopped" or "gone"."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            letter = file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "gone"
    return {"T": "stopped", "Z": "gone", "X": "gone"}.get(letter, "running")


def is_agent(pid):
    return os.path.basename(vm0.FAKE_AGENT) in waits.describe_process(pid).split(" ")[0]
