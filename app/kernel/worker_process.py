"""Which process works on a task, so that its end is detected at once and not only when its lease expires.

A process is named by the boot of its machine, its namespace of process ids, its id and its start: no two processes
share a name, not in containers and not after a restart. Linux only; elsewhere no process is ever considered dead.
"""

import os
from functools import lru_cache
from pathlib import Path


def current() -> str:
    """The name of this process."""
    return f"{machine()}/{os.getpid()}/{_started(os.getpid())}"


@lru_cache(maxsize=1)
def machine() -> str:
    """The machine and the namespace whose processes this one can see."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:13]
        namespace = os.readlink("/proc/self/ns/pid").partition("[")[2].rstrip("]")
    except OSError:
        return "unknown"
    return f"{boot}-{namespace}"


def is_dead(name: str) -> bool:
    """Whether a process is known to have ended; those of other machines are not known."""
    where, _, process = name.partition("/")
    if where != machine() or where == "unknown":
        return False
    pid, _, started = process.partition("/")
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """The start of a process in clock ticks since boot; empty when there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
