# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of the whole binary share: a world of the release build, figures of processes."""

import contextlib
import os
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RELEASE = os.path.join(HERE, "..", "build", "release", "vm0")
os.environ.setdefault("VM0_BINARY", os.path.abspath(RELEASE))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "test"))

import vm0  # noqa: E402


class World(vm0.World):
    def create_command(self, command, prompt, **fields):
        """A run of a command by HTTP; gives its id."""
        config_id = self.create_config(name="bench", command=list(command), sandbox="bubblewrap")
        answer = self.http.post("/api/agent/runs", {"agentConfigId": config_id, "prompt": prompt,
                                                    **fields})
        assert answer.status == 201, answer
        return answer.json["runId"]


@contextlib.contextmanager
def serving_world(*options):
    with tempfile.TemporaryDirectory(prefix="vb-", dir="/var/tmp") as root:
        os.chmod(root, 0o755)
        world = World(os.path.join(root, "w"))
        try:
            world.serve(*options)
            yield world
        finally:
            world.close()


def available_kib():
    return _number(r"MemAvailable:\s+(\d+)", "/proc/meminfo")


def peak_kib(pid):
    """The greatest resident memory that a process ever had, shared pages included."""
    return _number(r"VmHWM:\s+(\d+)", f"/proc/{pid}/status")


def memory_of(pid):
    """(private, proportional) KiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        text = file.read()
    value = lambda name: int(re.search(name + r":\s+(\d+)", text).group(1))
    return value("Private_Dirty") + value("Private_Clean"), value("Pss")


def cpu_seconds(pid):
    """Of a process, with its children that it has waited for."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def busy_seconds():
    """What all processors have worked."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system = map(int, file.readline().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def kind_of(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = file.read().split(b"\0")
    name = os.path.basename(words[0]).decode() or "?"
    return f"{name} {words[1].decode()}" if name == "vm0" and len(words) > 1 else name


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def _number(pattern, path):
    with open(path, encoding="ascii", errors="replace") as file:
        return int(re.search(pattern, file.read()).group(1))
