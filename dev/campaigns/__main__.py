"""The command line of the campaigns: `dev/faults --help`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dev.campaigns.campaign import Campaign, Finding, Ground, Scale
from dev.campaigns.catalogue import CAMPAIGNS


def main(arguments: Sequence[str]) -> int:
    """Run the campaigns that the arguments ask for, and print a line each. Returns 1 where one has found something."""
    wanted = _parser().parse_args(arguments)
    scale = Scale.SHORT if wanted.short else Scale.FULL
    failed = 0
    for campaign in wanted.campaign or CAMPAIGNS.values():
        begun = time.monotonic()
        finding = carried_out(campaign, scale, wanted.seed, wanted.folder)
        failed += bool(finding.failures)
        verdict = f"{len(finding.failures)} FAILURES" if finding.failures else "ok"
        print(f"{campaign.name:<18} {verdict:<12} {time.monotonic() - begun:6.1f} s   {finding.figure}", flush=True)  # noqa: T201
        for failure in finding.failures:
            print(f"    {failure}", flush=True)  # noqa: T201
    return int(failed > 0)


def wanting(campaign: Campaign) -> str:
    """What keeps the campaign from being carried out here, if anything does."""
    missing = [program for program in campaign.programs if not shutil.which(program)]
    if missing:
        return f"{' and '.join(missing)} must be installed: apt-get install {' '.join(missing)}"
    return "it must be run as root" if campaign.needs_root and os.geteuid() else ""


def carried_out(campaign: Campaign, scale: Scale, seed: int, below: Path | None = None) -> Finding:
    """What comes of the campaign, in a folder of its own, which is removed afterwards."""
    if want := wanting(campaign):
        return Finding("not run", [want])
    with tempfile.TemporaryDirectory(prefix=f"sigid-{campaign.name}-", dir=below) as folder:
        return campaign.run(Ground(Path(folder), scale, seed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev/faults",
        description="Do to sigid what goes wrong, and print what came of it.",
        epilog="\n".join(f"  {each.name:<18} {each.shows}" for each in CAMPAIGNS.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("campaign", nargs="*", type=_campaign, help="only these (without: all)")
    parser.add_argument("--short", action="store_true", help="a sample of each, as the tests do it")
    parser.add_argument("--seed", type=int, default=1, help="other accidents with another seed (%(default)s)")
    parser.add_argument("--folder", type=Path, help="folder to work in, on a local file system (the system's own)")
    return parser


def _campaign(name: str) -> Campaign:
    if name not in CAMPAIGNS:
        raise argparse.ArgumentTypeError(f"there is no campaign {name!r}; there are {', '.join(CAMPAIGNS)}")
    return CAMPAIGNS[name]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
