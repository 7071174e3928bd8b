"""Count failed sign-ins and refuse more for a while; memory only, and of bounded size.

A secret of 256 bits cannot be guessed however often one tries; this keeps a broken or hostile client from keeping the
database busy.
"""

import threading
from collections import OrderedDict, deque
from typing import Final

from cropmark_ingest.clock import Clock

WINDOW_MS: Final = 10 * 60_000
PER_CLIENT: Final = 10
ALL_CLIENTS: Final = 200
MAX_CLIENTS: Final = 4_096


class TooManyAttemptsError(RuntimeError):
    """Too many failed sign-ins; ``seconds`` says how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many failed sign-ins; wait {seconds} seconds, then use a fresh link")
        self.seconds = seconds


class Attempts:
    """Failed sign-ins of the last ten minutes, by client and together. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._clients: OrderedDict[str, deque[int]] = OrderedDict()
        self._all: deque[int] = deque()

    def check(self, client: str) -> None:
        """Raise :class:`TooManyAttemptsError` if ``client``, or everybody together, has failed too often."""
        with self._lock:
            now = self._clock()
            for failures, most in ((self._clients.get(client, deque[int]()), PER_CLIENT), (self._all, ALL_CLIENTS)):
                while failures and failures[0] <= now - WINDOW_MS:
                    failures.popleft()
                if len(failures) >= most:
                    raise TooManyAttemptsError((failures[0] + WINDOW_MS - now) // 1_000 + 1)

    def failed(self, client: str) -> None:
        """Count one failure of ``client``."""
        with self._lock:
            now = self._clock()
            self._all.append(now)
            while len(self._all) > ALL_CLIENTS:
                self._all.popleft()
            failures = self._clients.setdefault(client, deque(maxlen=PER_CLIENT))
            failures.append(now)
            self._clients.move_to_end(client)
            while len(self._clients) > MAX_CLIENTS:
                self._clients.popitem(last=False)
