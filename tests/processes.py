"""What a process has started, and its end.

Ansible's workers lead sessions of their own, so a signal to the process group of `ansible-playbook` reaches neither
them nor the Terraform that they run.
"""

from __future__ import annotations

from contextlib import suppress

import psutil


def family(process: int) -> list[psutil.Process]:
    """A process and its descendants. What was started by one that has ended is not among them.

    Args:
        process: its id.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    root = psutil.Process(process)
    return [root, *root.children(recursive=True)]


def kill_family(process: int, seconds: float = 60) -> None:
    """Kill a child process and its descendants, and wait until the descendants have ended.

    Args:
        process: its id. Whoever started it waits for its status.
        seconds: how long to wait at most.

    Raises:
        psutil.NoSuchProcess: it has ended, and its status was read.
    """
    stopped: set[psutil.Process] = set()
    # What is stopped starts nothing more.
    while new := set(family(process)) - stopped:
        for one in new:
            with suppress(psutil.NoSuchProcess):
                one.suspend()
        stopped |= new
    for one in stopped:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    _, alive = psutil.wait_procs([one for one in stopped if one.pid != process], seconds)
    assert not alive, alive
