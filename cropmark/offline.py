"""Commands on a stopped installation: open its files, do the work, close them."""

from cropmark.core import Core, Options
from cropmark.datadir import DataDir
from cropmark.fsck import check


def fsck_findings(data: DataDir) -> list[dict[str, str]]:
    """Check a stopped installation's files."""
    demo = (data.root / "season.json").exists()
    with data.lock():
        core = Core(Options(data, broker_port=1, port=1, lan=None, demo=demo))
        core.anchors.open()
        try:
            return [item.to_json() for item in check(core.ingest.files, core.trace, core.anchors)]
        finally:
            core.close()
