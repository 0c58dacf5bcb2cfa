"""Runs a program that ends with its parent: `leash.py PARENT_PID PROGRAM ARGUMENT…`.

A script between the two, because a `preexec_fn` may deadlock in a parent that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the leash was on
            sys.exit(1)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # this interpreter ignores it, and exec would pass that on
    os.execvp(argv[0], argv)  # noqa: S606 - becoming the program is the point


if __name__ == "__main__":
    main()
