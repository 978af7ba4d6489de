# SPDX-License-Identifier: GPL-2.0-or-later
"""A worker that misbehaves on demand: ``python fake_worker.py MODE [ARGUMENT]``; it speaks the worker's protocol."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def send(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def say(text):
    sys.stdout.write(text + "\n")


def hang():
    while True:
        time.sleep(3600)


def start_child(note, ignores_signals=True):
    """Start a process that outlives a polite request to end, and note its number."""
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if ignores_signals else ""
    child = subprocess.Popen([sys.executable, "-c", ignore + "import time; time.sleep(3600)"])
    Path(note).write_text(str(child.pid))


def ok(_):
    send("result", result={"got": json.loads(REQUEST)})


def slow(_):
    for step in range(8):
        send("progress", fraction=step / 8, message=f"step {step}")
        time.sleep(0.05)
    send("warning", message="took long")
    send("info", message="done")
    send("result", result={})


def error(_):
    send("error", kind="input", message="The scene is empty.", hint="Give another one.")
    sys.exit(1)


def die_by_signal(number):
    send("progress", fraction=0.5, message="half")
    os.kill(os.getpid(), int(number))
    hang()


def out_of_memory(_):
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
    bytearray(2**30)


def missing_module(_):
    import no_such_module_of_special  # noqa: F401


def garbage(_):
    say("Loading weights ... 100 %")
    say("[1, 2, 3]")
    say('{"event": "unknown"}')
    say('{"event": "progress", "fraction": NaN}')
    say('{"event": "end"}')
    say("[" * 100_000)
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\xff\xfe\x00 not text\n")
    sys.stdout.buffer.flush()
    send("progress", fraction="high", message="odd")
    send("result", result={"ok": True})


def huge_line(n_mib):
    for _ in range(int(n_mib)):
        sys.stdout.write("x" * 2**20)
    sys.stdout.write('{"event": "result", "result": {}}\n')
    sys.stdout.flush()
    send("result", result={"ok": True})


def silent(_):
    hang()


def stuck(_):
    send("progress", fraction=0.1, message="Reading a drive that does not answer")
    for idle_s in range(1000):
        send("heartbeat", idle_s=float(idle_s), unheard_s=float(idle_s))
        time.sleep(0.01)


def computes_for_long(_):
    for unheard_s in range(30):
        send("heartbeat", idle_s=0.0, unheard_s=float(unheard_s))
    send("heartbeat", idle_s="long", unheard_s=None)
    send("result", result={"ok": True})


def imports_torch(_):
    send("progress", fraction=0.1, message="importing")

    hang()


def closes_output(_):
    os.close(1)
    hang()


def ignores_cancel(note):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    send("progress", fraction=0.1, message="deaf")
    Path(note).write_text(str(os.getpid()))
    while True:
        time.sleep(0.5)
        send("heartbeat")


def family(note):
    start_child(note)
    send("progress", fraction=0.1, message="deaf")
    hang()


def leaves_child(note):
    start_child(note)
    send("result", result={"ok": True})


def dies_leaving_child(note):
    start_child(note)
    os.kill(os.getpid(), signal.SIGSEGV)


def partial_outputs(target):
    from special_qgis.engine.outputs.partial import make_partial_folder

    folder = make_partial_folder(Path(target))
    (folder / "map.tif").write_bytes(b"x" * 1000)
    send("progress", fraction=0.1, message="deaf")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang()


def never_exits(_):
    send("result", result={"ok": True})
    hang()


def result_on_cancel(_):
    send("progress", fraction=0.9, message="deaf")
    sys.stdin.readline()
    send("result", result={"ok": "just in time"})


def reads_nothing(_):
    send("result", result={"ok": True})


if __name__ == "__main__":
    mode = sys.argv[1]
    REQUEST = "" if mode in ("reads_nothing", "silent") else sys.stdin.readline()
    globals()[mode](sys.argv[2] if len(sys.argv) > 2 else "")
