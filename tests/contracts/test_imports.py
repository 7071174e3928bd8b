"""Commands that need no chain do not pay for one: the chain libraries load only when a chain is opened."""

import json
import subprocess
import sys

import pytest

HEAVY = ["web3", "eth_tester", "eth", "eth_abi", "eth_utils", "eth_keys"]
LIGHT = ["", ".registry", ".abi", ".chain_reader", ".artifact", ".chain_file", ".embedded", ".rpc_values", ".rpc"]


def loaded_by(program: str) -> list[str]:
    code = f"import sys, json; {program}; print(json.dumps(sorted(set({HEAVY}) & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout)
    return names


def test_importing_the_package_and_its_light_modules_loads_no_chain_library() -> None:
    imports = "; ".join(f"import cropmark_contracts{name}" for name in LIGHT)
    assert loaded_by(imports) == []


def test_opening_the_embedded_chain_loads_neither_web3_nor_eth_tester(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("imports") / "chain.sqlite")
    program = (
        "from pathlib import Path; from cropmark_contracts.embedded import open_embedded; "
        f"r = open_embedded(Path({path!r}), log_ids=[bytes(32)]); r.anchor(bytes(32), 1, bytes([1])*32); r.close()"
    )
    loaded = loaded_by(program)
    assert "eth" in loaded
    assert "web3" not in loaded
    assert "eth_tester" not in loaded
