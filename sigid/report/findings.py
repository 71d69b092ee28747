"""What a verification has found: a line a finding, and a last one that says what was looked at."""

from __future__ import annotations

from collections.abc import Mapping

from sigid.report.terminal import printable
from sigid.warehouse.finding import Finding


def line(finding: Finding) -> str:
    """The finding on one line: its mark, whose it is, what it is, and the way out."""
    way_out = f"; {finding.way_out}" if finding.way_out else ""
    return printable(f"{finding.mark} {finding.culprit}: {finding.what}{way_out}")


def summary(checked: Mapping[str, int], sample: str) -> str:
    """How much was looked at, by the counts of a verification; `sample` says which files were read again."""
    return (
        f"verified {checked['signatures']} signatures, {checked['signees']} signees, {checked['forgers']} forgers, "
        f"{checked['files']} lines of the ledger and {checked['loads']} loads, and read {checked['read']} files again"
        f"{sample}: {checked['wrong']} wrong; nothing was written"
    )
