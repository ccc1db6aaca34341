# SPDX-License-Identifier: Apache-2.0
"""What a simulated loss of power leaves of files, compared with a model: os/power_loss.h notes what
random calls of os/disk.h do, power_loss.py takes it back."""

import os
import random as randoms
import subprocess

import pytest

import power_loss
import vm0 as vm0_module
from power_loss import KEEP_ALL, LOSE_ALL

DISK_SCRIPT = os.path.join(os.path.dirname(vm0_module.BINARY), "disk_script")


class File:
    """The contents that a file has had since it was last synced."""

    def __init__(self):
        self.versions = [b""]

    @property
    def content(self):
        return self.versions[-1]

    def write(self, offset, data):
        old = self.content.ljust(offset, b"\0")
        self.versions.append(old[:offset] + data + old[offset + len(data):])

    def truncate(self, size):
        self.versions.append(self.content[:size].ljust(size, b"\0"))

    def sync(self):
        self.versions = [self.content]

    def may_be(self, content):
        """Whether each of the bytes comes from one of the versions, or from a hole."""
        longest = max(map(len, self.versions))
        shortest = min(map(len, self.versions))
        return len(content) <= longest and all(
            byte in {version[at] for version in self.versions if at < len(version)}
            or (byte == 0 and at >= shortest)
            for at, byte in enumerate(content)) and len(content) >= shortest


class Folder:
    """What each name of a folder has named since the folder was last synced; None for nothing."""

    def __init__(self):
        self.named = {}

    def now(self):
        return {name: files[-1] for name, files in self.named.items() if files[-1]}

    def durable(self):
        return {name: files[0] for name, files in self.named.items() if files[0]}

    def set(self, name, file):
        self.named.setdefault(name, [None]).append(file)

    def sync(self):
        self.named = {name: files[-1:] for name, files in self.named.items()}


class Machine:
    """A process that changes files, and the model of what it does."""

    def __init__(self, root, fault=""):
        self.root = root
        self.place = os.path.join(root, "place")
        self.journal = os.path.join(root, "journal")
        for path in (root, self.place, self.journal):
            os.makedirs(path, exist_ok=True)
        self.folder = Folder()
        self.open = {}
        self._process = subprocess.Popen(
            [DISK_SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"VM0_TEST_POWER": self.journal, "VM0_FAULT": fault})

    def path(self, name):
        return os.path.join(self.place, name)

    def tell(self, *words):
        """Whether it was done: False if the process died of it."""
        try:
            self._process.stdin.write(" ".join(map(str, words)) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return False
        answer = self._process.stdout.readline()
        assert answer in ("ok\n", ""), answer
        return bool(answer)

    def act(self, random):
        """One change or sync of something; False when the process died of it."""
        name = random.choice("abc")
        file = self.folder.now().get(name)
        act = random.choice(["open", "write", "write", "write", "truncate", "sync", "sync_folder",
                             "rename", "remove"])
        if act == "sync_folder":
            return self.sync_folder()
        if act == "open" or name not in self.open or file is None:
            return self.create(name)
        if act == "write":
            return self.write(name, random.randrange(6000), random.choice([1, 700, 9000]),
                              random.choice("xyz"))
        if act == "truncate":
            return self.truncate(name, random.randrange(8000))
        if act == "rename":
            return self.rename(name, random.choice("abc".replace(name, "")))
        return self.sync(name) if act == "sync" else self.remove(name)

    def create(self, name):
        if not self.tell("open", name, self.path(name)):
            return False
        if name not in self.folder.now():
            self.folder.set(name, File())
        self.open[name] = self.folder.now()[name]
        return True

    def write(self, name, offset, count, letter):
        done = self.tell("write", name, offset, count, letter)
        if done:
            self.open[name].write(offset, letter.encode() * count)
        return done

    def truncate(self, name, size):
        done = self.tell("truncate", name, size)
        if done:
            self.open[name].truncate(size)
        return done

    def sync(self, name):
        done = self.tell("sync", name)
        self.open[name].sync()  # what is noted is done
        return done

    def sync_folder(self):
        done = self.tell("sync-folder", self.place)
        self.folder.sync()
        return done

    def rename(self, name, to):
        done = self.tell("rename", self.path(name), self.path(to))
        if done:
            self.folder.set(to, self.folder.now()[name])
            self.folder.set(name, None)
            self.open.pop(to, None)
            self.open.pop(name)
        return done

    def remove(self, name):
        done = self.tell("remove", self.path(name))
        if done:
            self.folder.set(name, None)
            self.open.pop(name)
        return done

    def lose_power(self, random):
        """Gives what is left: the content of each name."""
        self._process.kill()
        self._process.communicate()
        power_loss.lose(self.journal, self.root, random)
        assert os.listdir(self.journal) == []
        left = {}
        for name in os.listdir(self.place):
            with open(self.path(name), "rb") as file:
                left[name] = file.read()
        return left


@pytest.fixture
def machine(tmp_path):
    machines = []

    def start(number, **options):
        machines.append(Machine(str(tmp_path / str(number)), **options))
        return machines[-1]
    yield start
    for machine_ in machines:
        machine_.lose_power(KEEP_ALL)


def contents(names):
    return {name: file.versions[0] for name, file in names.items()}


def act_at_random(machine, random):
    for _ in range(random.randrange(5, 60)):
        if not machine.act(random):
            break


@pytest.mark.parametrize("seed", range(25))
def test_a_disk_that_loses_all_it_may_has_what_was_synced(machine, seed):
    one = machine(seed)
    act_at_random(one, randoms.Random(seed))
    assert one.lose_power(LOSE_ALL) == contents(one.folder.durable())


@pytest.mark.parametrize("seed", range(25))
def test_a_disk_that_loses_nothing_has_everything(machine, seed):
    one = machine(seed)
    act_at_random(one, randoms.Random(seed))
    now = {name: file.content for name, file in one.folder.now().items()}
    assert one.lose_power(KEEP_ALL) == now


@pytest.mark.parametrize("choices", [LOSE_ALL, KEEP_ALL], ids=["lose-all", "keep-all"])
@pytest.mark.parametrize("seed", range(15))
def test_a_change_that_was_noted_and_not_made_is_not_undone(machine, seed, choices):
    """The process is killed between the two."""
    random = randoms.Random(seed)
    one = machine(seed, fault=f"power.noted:crash@{random.randrange(5, 30)}")
    while one.act(random):
        pass
    left = one.lose_power(choices)
    if choices is LOSE_ALL:
        assert left == contents(one.folder.durable())
    else:
        assert left == {name: file.content for name, file in one.folder.now().items()}


@pytest.mark.parametrize("seed", range(40))
def test_a_disk_that_loses_some_has_nothing_that_never_was(machine, seed):
    random = randoms.Random(seed)
    one = machine(seed)
    act_at_random(one, random)
    left = one.lose_power(random)
    for name, content in left.items():
        files = [file for file in one.folder.named[name] if file]
        assert any(file.may_be(content) for file in files), (name, content)
    for name, files in one.folder.named.items():
        assert name in left or None in files, name


def test_some_disks_tear_what_is_not_synced(machine):
    """Else the tests that count on it would be too easy."""
    seen = set()
    for seed in range(200):
        content = power_loss.lose_writes(
            bytearray(b"y" * 9000),
            [{"op": "write", "offset": 0, "size": 9000, "fileSize": 9000, "old": b"x" * 9000}],
            randoms.Random(seed))
        kind = "".join(sorted(set(content.decode())))
        seen.add((kind, content.decode().startswith("y")))
    assert seen == {("x", False), ("y", True), ("xy", True), ("xy", False)}


def test_a_file_that_is_saved_is_old_or_new_and_then_new(machine):
    for seed in range(10):
        random = randoms.Random(seed)
        one = machine(seed, fault=f"power.noted:crash@{7 + random.randrange(5)}")
        assert one.tell("save", one.path("f"), "old")
        saved = one.tell("save", one.path("f"), "new")
        left = one.lose_power(random)
        assert left["f"] == b"new" if saved else left["f"] in (b"old", b"new")
