"""The registry as records need it: adapts it to trace's port ``FarmBook``."""

from cropmark_ingest.registry import Farm, Field
from cropmark_ingest.registry_sql import Registry


class RegistryBook:
    """Farms and fields for records (``cropmark_trace.recording.FarmBook``)."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def farm(self, farm: str) -> Farm | None:
        """Return a farm."""
        return self._registry.farm(farm)

    def field(self, farm: str, field: str) -> Field | None:
        """Return a field."""
        return next((item for item in self._registry.fields(farm) if item.field == field), None)
