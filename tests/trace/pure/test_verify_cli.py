"""``cropmark verify`` reads files, says what it found, and ends with the documented code."""

import json
import struct
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import pytest
import typer
from typer.testing import CliRunner

from cropmark_ingest.segment import Segment
from cropmark_trace import evidence_files, jcs, verify_cli
from cropmark_trace.evidence_files import EvidenceFileError
from tests.trace import world
from tests.trace.changed import GOOD_BYTES
from tests.trace.node import answered, honest, serving
from tests.trace.world import BATCH, POLICY, PUBLIC

APP = typer.Typer()
APP.command()(verify_cli.verify)


class Files:
    """A bundle and a policy on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bundle = folder / "bundle.json"
        self.policy = folder / "policy.json"
        self.bundle.write_bytes(GOOD_BYTES)
        self.policy.write_bytes(jcs.canonical(PUBLIC.to_json()))

    def run(self, *options: str) -> tuple[int, str]:
        done = CliRunner().invoke(APP, [str(self.bundle), *options], env={"COLUMNS": "200", "NO_COLOR": "1"})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    def checks(self, *options: str) -> dict[str, str]:
        _, output = self.run("--json", *options)
        return {check["name"]: check["code"] for check in json.loads(output)["checks"]}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_good_bundle_ends_with_0_and_is_told_in_words(files: Files) -> None:
    code, output = files.run("--policy", str(files.policy), "--batch", BATCH)
    assert code == 0
    assert "The 5 records follow one another without a break." in output
    assert "chain: ok" in output
    assert output.rstrip().endswith("Some of it rests on trust, as told below.")


def test_chinese_is_complete(files: Files) -> None:
    code, output = files.run("--policy", str(files.policy), "--lang", "zh")
    assert code == 0
    assert "5 条记录前后相接" in output


def test_a_bad_bundle_ends_with_1_and_names_the_check(files: Files) -> None:
    files.bundle.write_bytes(GOOD_BYTES.replace(b"Jinyin 801", b"Jinyin 802"))
    code, output = files.run("--policy", str(files.policy))
    assert code == 1
    assert "signatures: signature-wrong" in output


def test_json_has_names_results_codes_and_details(files: Files) -> None:
    _, output = files.run("--json", "--batch", "A" * 20)
    said = json.loads(output)
    assert said["verdict"] == "fail"
    assert said["batch"] == BATCH
    assert said["checks"][0] == {
        "name": "schema",
        "result": "fail",
        "code": "other-batch",
        "details": {"batch": BATCH, "scanned": "A" * 20},
    }


def test_a_node_of_ones_choice_makes_the_anchor_pass(files: Files) -> None:
    with serving(answered(honest)) as url:
        checks = files.checks("--policy", str(files.policy), "--rpc", url)
    assert (checks["anchor"], checks["time-window"]) == ("ok", "ok")


def test_the_operators_own_chain_never_passes(files: Files) -> None:
    files.policy.write_bytes(jcs.canonical(POLICY.to_json()))
    with serving(answered(honest)) as url:
        checks = files.checks("--policy", str(files.policy), "--rpc", url)
    assert checks["anchor"] == "operator-chain"


def test_a_block_hash_known_from_elsewhere_is_compared(files: Files) -> None:
    assert (
        files.checks("--block-hash", world.ANCHOR.block_hash.upper().replace("0X", "0x"))["anchor"] != "block-differs"
    )
    assert files.checks("--block-hash", "0x" + "00" * 32)["anchor"] == "block-differs"


def _frame(segment: Segment) -> bytes:
    content = struct.pack(">4sII", b"CMSG", len(segment.header), len(segment.body)) + segment.header + segment.body
    return content + struct.pack(">I", crc32(content))


def _archive(folder: Path) -> Path:
    place = folder / "archive" / "demo" / "gw-1"
    place.mkdir(parents=True)
    segments = world.segments()[0]
    (place / "2026-05.seg").write_bytes(b"".join(map(_frame, segments[:5])))
    (place / "2026-06.seg").write_bytes(b"".join(map(_frame, segments[5:])) + b"CMSG\x00torn")
    return folder / "archive"


def test_the_archives_segments_make_the_evidence_pass(files: Files) -> None:
    checks = files.checks("--evidence", str(_archive(files.folder)))
    assert checks["evidence"] == "ok"


def test_archive_files_are_read_up_to_a_torn_frame(tmp_path: Path) -> None:
    assert list(evidence_files.read(_archive(tmp_path))) == list(world.segments()[0])


@pytest.mark.parametrize("change", ["magic", "length", "byte"])
def test_a_damaged_archive_file_is_named(tmp_path: Path, change: str) -> None:
    path = _archive(tmp_path) / "demo" / "gw-1" / "2026-05.seg"
    data = bytearray(path.read_bytes())
    match change:
        case "magic":
            data[0] ^= 1
        case "length":
            data[4] ^= 0x40
        case _:
            data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(EvidenceFileError, match=r"2026-05\.seg"):
        list(evidence_files.read(path.parent))


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda files: files.bundle.unlink(), [], "cannot be read"),
        (lambda files: files.bundle.write_bytes(b"no"), [], "not JSON"),
        (lambda files: files.bundle.write_bytes(b"{}"), [], "not a Cropmark bundle"),
        (lambda files: files.bundle.write_bytes(b" " * 2_000_000), [], "more than the 1048576"),
        (lambda files: files.policy.write_bytes(b"no"), ["--policy"], "not JSON"),
        (lambda files: files.policy.write_bytes(b"{}"), ["--policy"], "is missing"),
        (lambda files: files.policy.unlink(), ["--policy"], "cannot be read"),
        (lambda _: None, ["--evidence", "nowhere"], "no archive files"),
        (lambda _: None, ["--rpc", "ftp://node.example"], "http or https"),
        (lambda _: None, ["--lang", "fr"], "--lang"),
    ],
)
def test_unusable_input_ends_with_2_and_a_next_step(
    files: Files, change: object, options: list[str], said: str
) -> None:
    assert callable(change)
    change(files)
    given = [*options, str(files.policy)] if options == ["--policy"] else options
    code, output = files.run(*given)
    assert code == 2
    assert said in " ".join(output.split())
    code, output = files.run("--json", *given)
    assert code == 2
    assert said in json.loads(output)["unusable"]


def test_no_heavy_library_is_imported(files: Files) -> None:
    program = (
        "import sys, typer\n"
        "from cropmark_trace.verify_cli import verify\n"
        "app = typer.Typer(); app.command()(verify)\n"
        "try:\n app(sys.argv[1:])\n"
        "except SystemExit as end:\n assert end.code == 0, end.code\n"
        "heavy = {'web3', 'duckdb', 'fastapi', 'sqlalchemy', 'jsonschema', 'numpy', 'eth_utils'}\n"
        "sys.exit(' '.join(sorted(heavy & sys.modules.keys())) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(files.bundle), "--json", "--evidence", str(_archive(files.folder))],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
