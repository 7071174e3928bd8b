"""Who is calling, once signed in; what a guard hands to every page and route that is not public."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person or program; ``farms`` names what it may see and write, None stands for all."""

    name: str
    farms: frozenset[str] | None

    def may(self, farm: str) -> bool:
        """Tell whether this principal may see and write ``farm``."""
        return self.farms is None or farm in self.farms


Guard = Callable[..., Principal]
"""A FastAPI dependency: returns who is calling, or raises HTTP 401. Routers take it as an argument."""
