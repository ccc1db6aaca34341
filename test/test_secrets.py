# SPDX-License-Identifier: Apache-2.0
"""Secrets: that they are found nowhere, and the ways to give them to a run."""

import base64
import json
import os
import re
import signal
import termios

import waits

SECRET = 'S3cret/"quoted"+\\value é\nand the second line?>'
# Prints the secret, which only the environment has, in all the forms that are promised.
PRINTER = r"""
import base64, json, os, sys, urllib.parse
secret = os.environ["MY_SECRET"]
data = secret.encode()
forms = [secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False), json.dumps(json.dumps(secret)),
         urllib.parse.quote(secret, safe=""), urllib.parse.quote(secret, safe="").lower(),
         urllib.parse.quote_plus(secret), data.hex(), data.hex().upper()]
for before in (b"", b"x", b"xy"):
    for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes):
        forms.append(encode(before + data + b"z").decode())
big = "".join(f"{'.' * 3001}{secret}" for _ in range(100))
for out in (sys.stdout, sys.stderr):
    for form in forms:
        print(json.dumps({"type": "value", "form": form, "nested": {"list": [form]}}), file=out)
        print(json.dumps({"type": "key", form: {form: 1}}, ensure_ascii=False), file=out)
    for form in forms[:1] + forms[4:9]:
        print(form, file=out)
    print(json.dumps({"type": "big", "text": big}), file=out)
    print(json.dumps({"type": "last"}), file=out, flush=True)
with open(sys.argv[-1]) as gate:
    gate.read(1)
"""


def forms_of(secret):
    """Bytes that must be found nowhere."""
    data = secret.encode()
    quoted = json.dumps(secret)[1:-1]
    forms = [data, quoted.encode(), json.dumps(quoted)[1:-1].encode(), data.hex().encode()]
    forms += [line for line in data.split(b"\n")]
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + data)
        # Without the ends, which hold bits of others too.
        forms.append(encoded[(8 * before + 5) // 6:8 * (before + len(data)) // 6])
    return forms


def assert_nowhere(vm0, forms, *texts):
    for form in forms:
        assert vm0.files_with(form) == [], form
        for text in texts:
            assert form not in text, (form, text[:2000])


def start_printer(vm0, gate, *options):
    script = vm0.write("printer.py", PRINTER)
    path = vm0.config("printer", command=["/usr/bin/python3", script])
    return vm0.start("run", path, gate.path, "--sandbox", "none", "--secret", "MY_SECRET", *options,
                     env={"MY_SECRET": SECRET})


def test_a_secret_is_found_nowhere_in_any_form_while_the_run_lives_and_after(vm0, server):
    gate = vm0.gate()
    run = start_printer(vm0, gate, "--full")
    run.expect("[last]")
    run_id = vm0.only_run()
    forms = forms_of(SECRET)
    spool = os.path.join(vm0.run_dir(run_id), "spool")
    waits.wait_path(spool, waits.file_contains('stderr","text":"{\\"type\\": \\"last'))
    assert_nowhere(vm0, forms)
    gate.open()
    done = run.finish()
    assert done.code == 0, done
    events, _ = vm0.wait_end(run_id)
    # Still the events that they were.
    types = [event["eventData"]["type"] for event in events if event["source"] == "agent"]
    assert types == ["value", "key"] * 18 + ["big", "last"], types
    big = [event["eventData"] for event in events if event["eventType"] == "big"][0]
    assert big["text"] == ("." * 3001 + "***") * 100
    shown = [vm0.run("show", run_id).stdout, vm0.run("logs", run_id, "--raw").stdout,
             vm0.run("logs", run_id, "--json").stdout, vm0.run("ps", "-a", "--json").stdout,
             vm0.http.get("/metrics").body, done.stdout, done.stderr]
    for event in events:
        shown.append(json.dumps(event, ensure_ascii=False).encode())
    assert_nowhere(vm0, forms, *shown)


def test_no_process_of_ours_leaves_a_core_dump(vm0, server):
    gate = vm0.gate()
    run = start_printer(vm0, gate)
    run.expect("[last]")
    run_id = vm0.only_run()
    supervisor = vm0.supervisor_pid(run_id)
    ours = [server.pid, supervisor, run.pid, *waits.descendants(supervisor)]
    assert len(ours) >= 5, ours
    for pid in ours:
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limit = re.search(r"Max core file size +(\d+) +(\d+)", file.read())
        assert int(limit.group(1)) <= 1 and int(limit.group(2)) <= 1, waits.describe_process(pid)
    waits.kill(supervisor, signal.SIGSEGV)
    waits.kill(server.pid, signal.SIGABRT)
    waits.wait_gone(supervisor)
    waits.wait_gone(server.pid)
    cores = [name for _, _, names in os.walk(vm0.root) for name in names
             if name.startswith("core")]
    assert cores == []
    assert_nowhere(vm0, forms_of(SECRET))
    server.restart()


# vm0 secret


def names_of(vm0):
    return [line.split()[0] for line in vm0.run("secret", "list").stdout.decode().splitlines()[1:]]


def test_a_secret_is_set_listed_and_removed_and_never_shown(vm0, server):
    value = "kept-value-ü-1"
    for arguments, stdin in (["A"], value.encode()), (["B"], f"{value}\n".encode()), ([f"C={value}"], None):
        done = vm0.run("secret", "set", *arguments, stdin=stdin)
        assert (done.code, done.stdout) == (0, b""), done
    assert names_of(vm0) == ["A", "B", "C"]
    assert vm0.run("secret", "rm", "B").code == 0
    missing = vm0.run("secret", "rm", "B")
    assert missing.code == 4 and b"Secret not found: B" in missing.stderr
    assert names_of(vm0) == ["A", "C"]
    assert_nowhere(vm0, [value.encode()], vm0.run("secret", "list").stdout,
                   vm0.http.get("/api/agent/secrets").body)
    server.restart()
    assert names_of(vm0) == ["A", "C"]


def test_a_bad_secret_is_refused_with_the_reason(vm0, server):
    for arguments, stdin, reason in (
            (["1A"], b"x", b"Invalid secret name: 1A"), (["A"], b"", b"The value of A is empty"),
            (["A"], b"\n", b"The value of A is empty"), (["A"], b"x" * 65537, b"larger than 64 KiB"),
            (["A="], None, b"Missing value"), (["=x"], None, b"needs a name"), ([], None, b"NAME")):
        done = vm0.run("secret", "set", *arguments, stdin=stdin)
        assert done.code == 2 and reason in done.stderr, done
    assert names_of(vm0) == []
    assert vm0.run("secret", "forget").code == 2
    assert b"vm0 secret set NAME" in vm0.run("secret").stdout


def test_a_secret_that_is_typed_is_not_shown(vm0, server):
    typing = vm0.start("secret", "set", "TYPED", pty_size=(80, 24))
    typing.expect("then Enter:")
    modes = termios.tcgetattr(typing.terminal)[3]
    assert modes & termios.ECHONL and not modes & termios.ECHO
    os.write(typing.terminal, b"typed-secret-1\n")
    done = typing.finish()
    assert done.code == 0 and b"typed-secret" not in done.stdout, done
    assert names_of(vm0) == ["TYPED"]


# References in configs


def config_with(vm0, environment):
    return vm0.config("referring", environment=environment)


def run_with(vm0, environment, *options, **more):
    show = json.dumps([{"show_env": sorted(environment)}])
    return vm0.run("run", config_with(vm0, environment), show, "--sandbox", "none", "--raw", *options,
                   **more)


def test_references_are_taken_from_flag_then_environment_then_file_then_what_is_kept(vm0, server):
    for name in "ABCD":
        assert vm0.run("secret", "set", name, stdin=f"kept-value-{name}".encode()).code == 0
    env_file = vm0.write("my.env", "B=file-value-B\nC='file-value-C'\nV=from-file\n")
    environment = {name: "<${{ secrets.%s }}>" % name for name in "ABCD"}
    environment["V"] = "${{ vars.V }} ${{ vars.W }}"
    # What is masked in the output is told apart by its length here: the agent prints that.
    lengths = {name: 'test "$%s" = "<%s-value"-%s">" && echo %s %s' % (name, source, name, name, source)
               for name, source in zip("ABCD", ("flag", "ours", "file", "kept"))}
    steps = [{"run": ["sh", "-c", check]} for check in lengths.values()] + [{"show_env": ["V"]}]
    done = vm0.run("run", config_with(vm0, environment), json.dumps(steps), "--sandbox", "none", "--raw",
                   "--secret", "A=flag-value-A", "--var", "W=w", "--env-file", env_file,
                   env={"A": "ours-value-A", "B": "ours-value-B"})
    assert done.code == 0, done
    assert done.stdout.decode().splitlines() == [
        "A flag", "B ours", "C file", "D kept", '{"type":"env","env":{"V":"from-file w"}}'], done
    assert b"Taken from your environment: B" in done.stderr
    assert b"my.env: V, C" in done.stderr or b"my.env: C, V" in done.stderr, done
    assert_nowhere(vm0, [b"ours-value-B", b"kept-value-D"], done.stdout, done.stderr)


def test_a_secret_in_a_larger_value_is_masked_by_itself_too(vm0, server):
    done = run_with(vm0, {"AUTH": "Bearer ${{ secrets.T }}"}, env={"T": "the-token-value"})
    assert done.stdout == b'{"type":"env","env":{"AUTH":"***"}}\n', done
    steps = json.dumps([{"run": ["sh", "-c", "echo ${AUTH#Bearer }"]}])
    path = config_with(vm0, {"AUTH": "Bearer ${{ secrets.T }}"})
    done = vm0.run("run", path, steps, "--sandbox", "none", "--raw", env={"T": "the-token-value"})
    assert done.stdout == b"***\n", done


def test_what_is_missing_is_listed_before_there_is_a_run(vm0, server):
    done = run_with(vm0, {"A": "${{ secrets.A }} ${{ secrets.B }}", "C": "${{ vars.C }}"})
    assert done.code == 2, done
    assert (b"Missing secrets: A, B. Set them with: vm0 secret set A, vm0 secret set B. "
            b"Missing variables: C. Give them with: --var C=VALUE") in done.stderr, done
    assert vm0.http.get("/api/agent/runs").json["runs"] == []


def test_a_secret_that_is_kept_can_be_named_for_a_run(vm0, server):
    assert vm0.run("secret", "set", "KEPT", stdin=b"kept-value").code == 0
    check = json.dumps([{"run": ["sh", "-c", 'test "$KEPT" = kept"-value" && echo equal']}])
    path = vm0.config()
    done = vm0.run("run", path, check, "--sandbox", "none", "--raw", "--secret", "KEPT")
    assert done.stdout == b"equal\n", done
    done = vm0.run("run", path, check, "--sandbox", "none", "--raw", "--secret", "NO")
    assert done.code == 2 and b"Missing secrets: NO. Set them with: vm0 secret set NO" in done.stderr
