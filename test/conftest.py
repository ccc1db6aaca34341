# SPDX-License-Identifier: Apache-2.0
import faulthandler
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

import cloud as cloud_module
import mock_llm
import power_loss
import vm0 as vm0_module
import waits
from e2b.server import Template

HANG_GUARD_SECONDS = 120
AGENT_FOLDERS = {"claude-latest": "2.1.330", "claude-2.0.45": "2.0.45"}


def pytest_configure(config):
    # A shell starts what runs in the background with Ctrl-C ignored, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "guard(seconds): a longer hang guard for one test")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """No test hangs: after the guard's time it fails, and its logs are shown."""
    marker = item.get_closest_marker("guard")
    seconds = marker.args[0] if marker else HANG_GUARD_SECONDS

    def fail(*_):
        raise waits.Hang(f"the test took more than {seconds} s")
    signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    # Should Python itself hang.
    faulthandler.dump_traceback_later(seconds + 60, exit=True, file=sys.__stderr__)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    world = item.funcargs.get("vm0") if hasattr(item, "funcargs") else None
    if report.failed and call.when == "call" and world:
        report.sections.append(("processes and logs", world.describe()))


@pytest.fixture(scope="session")
def session_root():
    """A short path: unix sockets lie below it. At the end nothing may be left that runs in it."""
    root = tempfile.mkdtemp(prefix="vt-", dir="/tmp")
    os.chmod(root, 0o755)
    yield root
    left = [(pid, waits.describe_process(pid)) for pid in waits.processes_with(root)]
    for pid, _ in left:
        waits.kill(pid)
    shutil.rmtree(root, ignore_errors=True)
    assert not left, f"still running after the tests: {left}"


def new_world(session_root):
    new_world.counter += 1
    return vm0_module.World(os.path.join(session_root, f"w{new_world.counter}"))


new_world.counter = 0


@pytest.fixture
def vm0(session_root):
    """A world of its own: see World in vm0.py."""
    world = new_world(session_root)
    yield world
    world.close()


@pytest.fixture
def neighbour(session_root):
    """Another world on the same machine."""
    world = new_world(session_root)
    yield world
    world.close()


@pytest.fixture
def clock(vm0):
    """The virtual clock of every process of the world. Name it before `server`."""
    return vm0.use_clock()


@pytest.fixture
def power(vm0):
    """Power that can be cut: power_loss.cut(vm0, random). Name it before `server`."""
    power_loss.simulate(vm0)
    return power_loss


@pytest.fixture
def server(vm0):
    """A server that serves."""
    return vm0.serve()


@pytest.fixture
def http(vm0, server):
    """HTTP over the unix socket, with the administrator's token."""
    return vm0.http


@pytest.fixture
def tcp(vm0, server):
    return vm0.tcp


@pytest.fixture
def cloud(vm0):
    """E2B as it is in tests, for a server that the test starts: see Cloud in cloud.py."""
    made = cloud_module.Cloud(vm0)
    yield made
    made.close()


@pytest.fixture
def full_cloud(vm0):
    """The same for an account that may have one sandbox."""
    made = cloud_module.Cloud(vm0, most_sandboxes=1)
    yield made
    made.close()


@pytest.fixture
def cloud_with_claude(cloud, claude):
    """One that serves, whose template has a real Claude Code."""
    folder = os.path.dirname(os.path.dirname(os.path.dirname(claude.path)))
    node = os.path.dirname(os.path.realpath(shutil.which("node")))
    cloud.e2b.templates["base"] = Template(
        binds=[(folder, folder), (os.path.dirname(node), os.path.dirname(node))],
        path=f"{os.path.dirname(claude.path)}:{node}:/usr/local/bin:/usr/bin:/bin")
    cloud.serve()
    return cloud


def install_agent(folder):
    """The folder of a pinned CLI's commands."""
    script = os.path.join(vm0_module.HERE, "agents", "install.sh")
    return subprocess.run([script, folder], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


@pytest.fixture(scope="session", params=list(AGENT_FOLDERS))
def claude(request):
    """A real Claude Code, once per pinned version: the path of its command, its version."""
    command = os.path.join(install_agent(request.param), "claude")
    return vm0_module.collections.namedtuple("Claude", "path version")(
        command, AGENT_FOLDERS[request.param])


@pytest.fixture
def mock():
    """Starts mock LLM servers: mock(turns)."""
    started = []

    def start(turns):
        started.append(mock_llm.MockLlm(turns))
        return started[-1]
    yield start
    for server_ in started:
        server_.stop()
