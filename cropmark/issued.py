"""The newest bundle of each batch: adapts batches and bundle files to what the shopper's page asks."""

from cropmark_trace.batches import Batches
from cropmark_trace.bundle_files import BundleFiles


class IssuedBundles:
    """See :class:`cropmark_trace.shopper.BundleSource`."""

    def __init__(self, batches: Batches, bundles: BundleFiles) -> None:
        self._batches = batches
        self._bundles = bundles

    def bundle_of(self, batch: str) -> tuple[str, bytes] | None:
        """Return the SHA-256 (hex) and bytes of a batch's newest bundle, or None."""
        digest = self._batches.newest_bundle(batch)
        return None if digest is None else (digest, self._bundles.read(digest))
