"""Run one module as a child of the supervisor, and end with it.

``python -m cropmark.child MODULE [ARGUMENT …]``. The supervisor holds the other end of standard input; when it goes,
however it goes, the pipe closes and this process asks itself to stop. So a killed supervisor leaves no orphans behind.
"""

import os
import runpy
import signal
import sys
import threading
import time
from typing import Final

GRACE_SECONDS: Final = 5.0
"""How long a child may take to stop cleanly once its supervisor is gone."""


def _end_with_the_supervisor() -> None:
    # The descriptor itself: a buffered reader held by this thread would make the interpreter abort at its end.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    """Watch standard input on a thread and run the module as ``__main__``."""
    module, arguments = sys.argv[1], sys.argv[2:]
    threading.Thread(target=_end_with_the_supervisor, name="supervisor-watch", daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
