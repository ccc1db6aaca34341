# SPDX-License-Identifier: Apache-2.0
"""What the scripted agents of a round do, and what must come of it: all of it decided by a seed."""

import base64
import json
import random

from nasty_lines import nasty_lines

MARK = "m"


class Stage:
    """What an agent prints before it waits to be let on."""

    def __init__(self):
        self.steps = []
        self.stdout = []  # lines, without their line breaks; empty ones left out
        self.stderr = []

    @property
    def events(self):
        return len(self.stdout) + len(self.stderr)


def _add_lines(stage, rng):
    for _ in range(rng.randint(1, 4)):
        text = f"line {rng.getrandbits(40):x}"
        stage.steps.append({"line": text})
        stage.stdout.append(text.encode())


def _add_nasty(stage, rng):
    seed, count = rng.getrandbits(32), rng.randint(1, 25)
    most = rng.choice([200, 5_000, 60_000])
    stage.steps.append({"nasty": {"seed": seed, "count": count, "max": most}})
    stage.stdout += [line for line in nasty_lines(seed, count, most) if line]


def _add_fill(stage, rng):
    count, size = rng.choice([(400, 40), (60, 900), (8, 30_000), (1, 400_000)])
    stage.steps.append({"fill": {"count": count, "size": size}})
    stage.stdout += [b'{"type":"fill","n":%d,"pad":"%s"}' % (n, b"x" * size)
                     for n in range(1, count + 1)]


def _add_stderr(stage, rng):
    for _ in range(rng.randint(1, 3)):
        text = f"err {rng.getrandbits(40):x}"
        stage.steps.append({"stderr": text})
        stage.stderr.append(text.encode())


def _add_secret(stage, _):
    stage.steps.append({"show_env": ["CHAOS_TOKEN"]})
    stage.stdout.append(b'{"type":"env","env":{"CHAOS_TOKEN":"***"}}')


OUTPUT = [(_add_lines, 8), (_add_nasty, 5), (_add_fill, 2), (_add_stderr, 3), (_add_secret, 1)]

# How it ends: steps, the run's status; exit code.
ENDINGS = {
    "exit": ([], "completed"),
    "fail": ([{"exit": 3}], "failed"),
    "signal": ([{"kill": "SIGSEGV"}], "failed"),
    "children": ([{"spawn": [{"hang": True}], "setsid": True}], "completed"),
    "hang": ([{"hang": True}], "cancelled"),
    "timeout": ([{"hang": True}], "timeout"),
}
ENDING_WEIGHTS = {"exit": 50, "fail": 12, "signal": 5, "children": 8, "hang": 12, "timeout": 2}


class AgentPlan:
    """One run: how it is asked for, its script, what it prints, how it must end."""

    def __init__(self, rng, name):
        self.name = name
        self.secret = f"s3cret-{rng.getrandbits(80):020x}"
        self.boxed = rng.random() < 0.4
        # Where the gate is: a folder of the user's, or the run's own.
        self.own_folder = self.boxed and rng.random() < 0.3
        self.end_by(rng.choices(list(ENDING_WEIGHTS), list(ENDING_WEIGHTS.values()))[0])
        self.stages = [self.make_stage(rng) for _ in range(rng.choice([1, 2, 3, 4, 8]))]
        # Cancelled as soon as it was created, or when so many of its events were seen.
        self.cancel_at = None
        if self.ending == "hang":
            self.cancel_at = self.events
        elif rng.random() < 0.08:
            self.cancel_at = rng.choice([0, 0, rng.randint(0, self.events)])

    def end_by(self, ending):
        self.ending = ending
        self.timeout = 1 if ending == "timeout" else 600
        self.status = ENDINGS[ending][1]

    @staticmethod
    def make_stage(rng):
        """One that prints something: what a reader sees of it lets the agent on."""
        stage = Stage()
        while not stage.events:
            for _ in range(rng.randint(1, 3)):
                add = rng.choices([a for a, _ in OUTPUT], [w for _, w in OUTPUT])[0]
                add(stage, rng)
        return stage

    @property
    def events(self):
        return sum(stage.events for stage in self.stages)

    @property
    def stdout(self):
        return b"".join(line + b"\n" for stage in self.stages for line in stage.stdout)

    @property
    def stderr(self):
        return b"".join(line + b"\n" for stage in self.stages for line in stage.stderr)

    def steps(self, mark, gate):
        """The script. A started agent leaves a mark first, where it can."""
        steps = [{"tell": mark, "say": MARK}] if mark else [{"run": ["mkfifo", gate]}]
        for number, stage in enumerate(self.stages):
            if number > 0:
                steps.append({"wait": gate})
            steps += stage.steps
        return steps + ENDINGS[self.ending][0]


def line_of(source, json_bytes):
    """The line that an event was made from."""
    if source == "agent":
        return json_bytes
    event = json.loads(json_bytes)
    if "base64" in event:
        return base64.b64decode(event["base64"])
    return event["text"].encode("utf-8", "surrogatepass")


def seeded(*parts):
    return random.Random("/".join(map(str, parts)))
