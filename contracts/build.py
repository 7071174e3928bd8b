"""Compile AnchorRegistry.vy into the package's anchor_registry.json; ``--check`` only compares.

The JSON file is committed, so that nobody but a developer needs the compiler (extra ``compiler``).
"""

import hashlib
import json
import sys
from pathlib import Path

import vyper  # type: ignore[import-untyped] # the compiler ships no types
from vyper.compiler import compile_code  # type: ignore[import-untyped] # the compiler ships no types

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "AnchorRegistry.vy"
ARTIFACT = HERE / "cropmark_contracts" / "anchor_registry.json"


def compiled() -> bytes:
    """Return the artifact's bytes: the same source and compiler give the same bytes on every machine."""
    source = SOURCE.read_text(encoding="utf-8")
    # The compiler is told the source's bare name: a path would tell which machine it ran on.
    output = compile_code(source, contract_path=SOURCE.name, output_formats=["abi", "bytecode", "bytecode_runtime"])
    artifact = {
        "contract": SOURCE.stem,
        "source_sha256": hashlib.sha256(source.encode()).hexdigest(),
        "compiler": f"vyper {vyper.__version__}",
        "evm_version": "cancun",
        "abi": output["abi"],
        "bytecode": output["bytecode"],
        "runtime": output["bytecode_runtime"],
    }
    return (json.dumps(artifact, indent=1) + "\n").encode()


def main() -> int:
    """Write the artifact, or with ``--check`` compare it: 0 when it is what the source compiles to."""
    fresh = compiled()
    if sys.argv[1:] == ["--check"]:
        if ARTIFACT.is_file() and ARTIFACT.read_bytes() == fresh:
            return 0
        sys.stderr.write(f"{ARTIFACT.name} is not what {SOURCE.name} compiles to; run: make contract\n")
        return 1
    ARTIFACT.write_bytes(fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
