"""``cropmark verify``: check a bundle on this computer, and say what was found in plain words.

Delivery: reads the files named, asks the node named, prints. Ends with 0 if no check failed, 1 if one did, 2 if the
input is unusable. Needs the extra ``verify`` only: no chain software, database or web framework is imported.
"""

import json
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cropmark_trace import evidence_files, texts
from cropmark_trace.bundle import MAX_BYTES, UnusableBundleError
from cropmark_trace.chain_facts import ChainFacts
from cropmark_trace.evidence_files import EvidenceFileError
from cropmark_trace.jcs import depth
from cropmark_trace.policy import MAX_BYTES as MAX_POLICY_BYTES
from cropmark_trace.policy import Policy, PolicyError
from cropmark_trace.rpc_http import Rpc, RpcError
from cropmark_trace.texts import Language
from cropmark_trace.verdict import Result, Verdict
from cropmark_trace.verify import question
from cropmark_trace.verify import verify as judge

UNUSABLE: Final = 2
MAX_POLICY_DEPTH: Final = 8
_SIGNS: Final[dict[Result, tuple[str, str]]] = {
    "pass": ("✓", "green"),
    "warn": ("!", "yellow"),
    "fail": ("✗", "bold red"),
    "not-checked": ("–", "dim"),
}


class _UnusableError(Exception):
    """The input cannot be used; carries the text for the person."""


def verify(  # noqa: PLR0913 - options are arguments
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle's file.")],
    *,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Whom you trust: the log, the registrar, the chains.")
    ] = None,
    batch: Annotated[str | None, typer.Option(metavar="CODE", help="The batch code that you scanned.")] = None,
    rpc: Annotated[
        str | None, typer.Option(metavar="URL", help="A JSON-RPC node of your choice, to ask about the anchor.")
    ] = None,
    block_hash: Annotated[
        str | None, typer.Option(metavar="HASH", help="The hash of the anchor's block, as you know it from elsewhere.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Archived segments, to add the season up again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    lang: Annotated[str, typer.Option(metavar="en|zh", help="Language of the text.")] = "en",
) -> None:
    """Check a bundle: signatures, keys, chain, log, anchor and evidence, each by name.

    Ends with 0 if no check failed, 1 if one did, 2 if the input is unusable.
    """
    try:
        language = _language(lang)
        data = _read(bundle, MAX_BYTES)
        verdict = judge(
            data,
            policy=_policy(policy),
            batch=batch,
            chain=_asked(data, rpc),
            segments=None if evidence is None else evidence_files.read(evidence),
            block_hash=None if block_hash is None else block_hash.lower(),
        )
    except (_UnusableError, UnusableBundleError, PolicyError, RpcError, EvidenceFileError) as error:
        if as_json:
            typer.echo(json.dumps({"unusable": str(error)}, ensure_ascii=False))
        else:
            typer.echo(f"cropmark verify: {error}", err=True)
        raise typer.Exit(UNUSABLE) from error
    if as_json:
        typer.echo(json.dumps(verdict.to_json(), ensure_ascii=False, indent=1))
    else:
        _print(verdict, language)
    raise typer.Exit(verdict.exit_code)


def _language(text: str) -> Language:
    for language in texts.LANGUAGES:
        if language == text:
            return language
    raise _UnusableError(f"--lang is {' or '.join(texts.LANGUAGES)}, not {text[:20]!r}")


def _read(path: Path, most: int) -> bytes:
    """Return a file's bytes, at most one more than may be used: the verifier names what is too large."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise _UnusableError(f"{path} cannot be read: {error.strerror}. Check the name.") from error


def _policy(path: Path | None) -> Policy | None:
    if path is None:
        return None
    data = _read(path, MAX_POLICY_BYTES)
    try:
        value = json.loads(data) if len(data) <= MAX_POLICY_BYTES and depth(data) <= MAX_POLICY_DEPTH else None
    except ValueError as error:
        raise _UnusableError(f"{path} is not JSON: {error}. Fetch the policy again.") from error
    return Policy.from_json(value)


def _asked(data: bytes, rpc: str | None) -> ChainFacts | None:
    if rpc is None:
        return None
    node = Rpc(rpc)
    asked = question(data)
    return None if asked is None else node.ask(asked)


def _print(verdict: Verdict, language: Language) -> None:
    console = Console(highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for check in verdict.checks:
        sign, style = _SIGNS[check.result]
        title = f"[bold]{texts.title(check, language)}[/bold] [dim]({check.name}: {check.code})[/dim]"
        table.add_row(
            f"[{style}]{sign}[/{style}]",
            f"[{style}]{texts.result(check.result, language)}[/{style}]",
            f"{title}\n{escape(texts.sentence(check, language))}",
        )
    if verdict.batch is not None:
        console.print(f"[bold]{escape(verdict.batch)}[/bold]")
    console.print(table)
    style = _SIGNS[verdict.worst][1]
    console.print(f"[{style}]{escape(texts.verdict(verdict.worst, language))}[/{style}]")
