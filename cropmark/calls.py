"""The port through which use cases call a running installation, and how its calls fail."""

from collections.abc import Mapping
from typing import Any, Protocol


class ApiError(RuntimeError):
    """The API refused, and said why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ApiUnreachableError(RuntimeError):
    """Nothing answered, or it went away in the middle: try again."""


class Calls(Protocol):
    """JSON in, JSON out. Raises :class:`ApiError` for a refusal and :class:`ApiUnreachableError` for silence."""

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """GET ``path``."""
        ...

    def post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        """POST ``body`` to ``path``."""
        ...
