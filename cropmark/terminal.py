"""What a person sees in the terminal: progress, addresses and the QR code."""

import io
import sys
from collections.abc import Callable, Mapping
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_NARROW: Final = 40


def qr_lines(url: str) -> str:
    """Draw ``url`` as a QR code of half-block characters, error level Q, quiet zone included."""
    import segno  # noqa: PLC0415 - only drawn once, at the end

    out = io.StringIO()
    segno.make(url, micro=False, error="q", boost_error=False).terminal(out=out, border=2, compact=True)
    return out.getvalue()


class Terminal:
    """Prints to standard error, so that ``--json`` leaves standard output to one object."""

    def __init__(self, *, quiet: bool) -> None:
        self.console = Console(stderr=True, highlight=False, quiet=quiet)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print one line above the bars."""
        self.console.print(text, soft_wrap=True)

    def bar(self, name: str, done: int, total: int) -> None:
        """Show ``done`` of ``total``; without a terminal, a line at each quarter."""
        if self.console.is_terminal:
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(name, total=total)
            self._progress.update(self._tasks[name], completed=done, total=total)
            return
        quarter = 4 * done // total if total else 0
        if self._said.get(name, -1) < quarter:
            self._said[name] = quarter
            self.say(f"{name}: {done:,} of {total:,}")


def show_addresses(say: Callable[[str], None], addresses: Mapping[str, str], shopper: str | None, note: str) -> None:
    """Print where to look, and the shopper's address as a QR code."""
    say("")
    for title, address in addresses.items():
        say(f"  {title:<28} {address}")
    if shopper is not None:
        say("")
        for line in qr_lines(shopper).splitlines():
            say("    " + line)
        say(f"  {note}")
    sys.stderr.flush()
