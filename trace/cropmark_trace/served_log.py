"""The log as the world reads it: newest checkpoint, tiles and entry bundles (C2SP tlog-tiles)."""

from cropmark_trace import tiles
from cropmark_trace.storage import LogReader
from cropmark_trace.tiles import NoSuchTileError, Tile


class ServedLog:
    """Reads ``log``; gives nothing that the newest checkpoint does not cover."""

    def __init__(self, log: LogReader) -> None:
        self._log = log

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint; raise :class:`LookupError` before the first."""
        head = self._log.head()
        if head is None:
            raise LookupError("the log has no checkpoint yet")
        return head.note

    def tile(self, level: str, path: str) -> bytes:
        """Return the hashes of ``/tile/{level}/{path}``; raise :class:`NoSuchTileError`."""
        tile = self._covered(level, path)
        found = self._log.nodes(tile.places())
        try:
            return b"".join(found[place] for place in tile.places())
        except KeyError as error:
            raise NoSuchTileError("a hash of this tile is not stored; whoever runs the log: cropmark fsck") from error

    def entries(self, path: str) -> bytes:
        """Return the entry bundle ``/tile/entries/{path}``; raise :class:`NoSuchTileError`."""
        tile = self._covered("entries", path)
        first = tile.number * tiles.WIDTH
        data = self._log.leaves(first, first + tile.width)
        if len(data) != tile.width:
            raise NoSuchTileError("an entry of this bundle is not stored; whoever runs the log: cropmark fsck")
        return tiles.entry_bundle(data)

    def _covered(self, level: str, path: str) -> Tile:
        tile = tiles.parse(level, path)
        head = self._log.head()
        if head is None or tile.needs() > head.size:
            raise NoSuchTileError("the log does not have this tile yet")
        return tile
