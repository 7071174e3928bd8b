"""Loading the embedded chain leaves the interpreter's recursion limit where nested input cannot crash the process."""

import subprocess
import sys

SCRIPT = """
import json
import cropmark_contracts.embedded_chain
try:
    json.loads("[" * 1_000_000)
except RecursionError:
    print("refused")
"""


def test_a_deeply_nested_json_text_is_an_error_and_not_a_crash() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "refused")
