"""The committed contract is what its source compiles to, and what stands on the chain."""

import subprocess
import sys
from pathlib import Path

from cropmark_contracts.artifact import artifact
from tests.contracts.deployed import Bench

BUILD = Path(__file__).resolve().parents[2] / "contracts" / "build.py"


def test_compiling_again_gives_the_committed_bytes() -> None:
    done = subprocess.run([sys.executable, BUILD, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    source = BUILD.with_name("AnchorRegistry.vy").read_text(encoding="utf-8")
    (tmp_path / "AnchorRegistry.vy").write_text(source.replace("size does not grow", "size does not g_ow"))
    (tmp_path / "build.py").write_bytes(BUILD.read_bytes())
    package = tmp_path / "cropmark_contracts"
    package.mkdir()
    (package / "anchor_registry.json").write_bytes((BUILD.parent / package.name / "anchor_registry.json").read_bytes())
    done = subprocess.run(
        [sys.executable, tmp_path / "build.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "make contract" in done.stderr


def test_the_chain_holds_the_committed_runtime_code(bench: Bench) -> None:
    code = bench.chain.code(bench.contract, bench.chain.head_number())
    # The deployed code is the committed one; the compiler's metadata stands behind it in the deploying bytes only.
    assert code == artifact().runtime
    assert code in artifact().bytecode
