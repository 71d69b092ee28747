"""environment: what a user's shell, locale or clock may be, and what must not follow from it."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from glob import glob
from pathlib import Path
from random import Random

from dev.campaigns.campaign import Campaign, Finding, Ground
from dev.campaigns.ground import RESTED_SECONDS, Plot, clean_digest, first_files, later_files, lay, two_at_a_time

_REAL_STAMPS = {"NO_FAKE_STAT": "1", "DONT_FAKE_MONOTONIC": "1"}
"""A clock that is set changes neither what file systems stamp nor what durations are taken from."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run is started in."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()

    def unset(self, name: str) -> Surroundings:
        """The same without that variable."""
        return Surroundings(self.name, self.environment, ("env", "-u", name, *self.prefix))


def _shell(words: str) -> Sequence[str]:
    return ("sh", "-c", words, "sh")


def _variables(*settings: str) -> Surroundings:
    return Surroundings(" ".join(settings), dict(setting.split("=", 1) for setting in settings))


def _clock(offset: str) -> Surroundings:
    return Surroundings(f"clock {offset}", _REAL_STAMPS, ("faketime", "-f", offset))


_ALONE: Sequence[Surroundings] = (
    *(
        Surroundings(f"umask {mask}", prefix=_shell(f'umask {mask}; exec "$@"'))
        for mask in ("000", "022", "077", "777")
    ),
    *(
        Surroundings(f"without {name}", prefix=_shell(f'exec "$@" {closed}'))
        for name, closed in {
            "stdin": "<&-",
            "stdout": ">&-",
            "stderr": "2>&-",
            "stdin and stdout": "<&- >&-",
            "any stream": "<&- >&- 2>&-",
        }.items()
    ),
    Surroundings("no HOME").unset("HOME"),
    Surroundings("no PATH").unset("PATH"),
    _variables("HOME=/nonexistent"),
    _variables("TMPDIR=/nonexistent"),
    _variables("LANG=C"),
    _variables("LC_ALL=C", "PYTHONCOERCECLOCALE=0", "PYTHONUTF8=0"),
    _variables("LC_ALL=POSIX", "PYTHONIOENCODING=ascii:strict"),
    _variables("LC_ALL=de_DE.UTF-8"),
    _variables("LC_ALL=de_DE.ISO-8859-1"),
    _variables("LC_ALL=tr_TR.UTF-8"),
    _variables("LC_NUMERIC=de_DE"),
    _variables("LANGUAGE=de"),
    _variables("PYTHONUTF8=1"),
    _variables("TZ=Pacific/Kiritimati"),
    _variables("TZ=America/St_Johns"),
    _variables("TZ=:/nonexistent"),
    _variables("TZ=XYZ-99:59"),
    _variables("PYTHONHASHSEED=0"),
    _variables("PYTHONHASHSEED=4294967295"),
    _variables("PYTHONOPTIMIZE=1"),
    _variables("PYTHONOPTIMIZE=2"),
    _variables("PYTHONDEVMODE=1"),
    _variables("PYTHONWARNINGS=error"),
    _variables("COLUMNS=1", "LINES=1", "TERM=dumb"),
    _variables("NO_COLOR=1", "FORCE_COLOR=1"),
    _clock("-1y"),
    _clock("+10y"),
    _clock("@1970-01-01 00:00:01"),
    _clock("+0 x30000000"),
)

_ONE_AFTER_THE_OTHER: Sequence[tuple[Surroundings, Surroundings]] = (
    (_clock("+0"), _clock("-1y")),
    (_clock("+0"), _clock("+10y")),
    (_clock("+10y"), _clock("-1y")),
    (_clock("-1y"), _clock("+10y")),
    (_variables("LANG=C.UTF-8"), _variables("LC_ALL=C", "PYTHONCOERCECLOCALE=0", "PYTHONUTF8=0")),
    (_variables("TZ=Pacific/Kiritimati"), _variables("TZ=Pacific/Niue")),
)
"""A first load, and a later one."""

_ODD_NAMES = {
    "Online/Genuine/\u00e9_1.HWR": b"1,2,3\n",
    "Online/Genuine/e\u0301_1.HWR": b"1,2,3\n",
    "Online/Genuine/\udcff_1.HWR": b"1,2,3\n",
    "Online/Genuine/\u6f22\u5b57/001_1.HWR": b"1,2,3\n",
    "Online/Genuine/\u0130I\u0131i_1.HWR": b"1,2,3\n",
}
"""Names of which a locale might make something else."""


def _run(ground: Ground) -> Finding:
    dice = Random(ground.seed)
    first, later = ({**files(ground.seed), **_ODD_NAMES} for files in (first_files, later_files))
    plots = [Plot(ground.folder / name, ground.folder / f"build of {name}") for name in ("first", "later")]
    for plot, files in zip(plots, (first, later), strict=True):
        lay(plot.datasets, files)
    time.sleep(RESTED_SECONDS)  # or else the next run has to look into what may have changed unseen
    digests = [clean_digest(plot, ground.folder / f"clean {number}") for number, plot in enumerate(plots)]
    alone = dice.sample(_ALONE, ground.of(4, len(_ALONE)))
    pairs = dice.sample(_ONE_AFTER_THE_OTHER, ground.of(1, len(_ONE_AFTER_THE_OTHER)))
    checks = [
        partial(_alone, plots[0], digests[0], ground.folder / each.name.replace("/", "."), each) for each in alone
    ]
    for number, pair in enumerate(pairs):
        plot = Plot(ground.folder / f"files {number}", ground.folder / f"pair {number}")
        checks.append(partial(_one_after_the_other, plot, (first, later), digests[1], pair))
    checks += [partial(_under_a_wild_clock, plots[0], digests[0], ground.folder / "wild")]
    wrong = two_at_a_time(lambda check: check(), checks)
    figure = (
        f"{len(alone)} environments, {len(pairs)} changes of them between two loads, a clock that is set during one: "
        f"{len(wrong)} complaints"
    )
    return Finding(figure, wrong)


def _alone(plot: Plot, digest: str, build: Path, around: Surroundings) -> Iterator[str]:
    """What is wrong with a load in these surroundings, and with the next run, which must have nothing to do."""
    plot = Plot(plot.datasets, build)
    yield from _loads(plot, digest, around)
    run = plot.doit("load_source_a", environment=around.environment, prefix=around.prefix)
    if run.code or (run.out and "-- load_source_a" not in run.out):
        yield f"{around.name}: the next run ends with {run.code}, and has something to do: {run.last_line}"
    yield from _open_to_others(plot, around)


def _loads(plot: Plot, digest: str, around: Surroundings) -> Iterator[str]:
    run = plot.doit("load_source_a", environment=around.environment, prefix=around.prefix)
    if run.code or "Traceback" in run.words or "Warning" in run.words:
        yield f"{around.name}: a load ends with {run.code}: {run.words[-500:]}"
    elif plot.digest() != digest:
        yield f"{around.name}: another digest: {run.counts}"


def _open_to_others(plot: Plot, around: Surroundings) -> Iterator[str]:
    for path in [plot.build, *plot.build.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode != (0o700 if path.is_dir() else 0o600):
            yield f"{around.name}: {path.relative_to(plot.build)} has mode {mode:o}"


def _one_after_the_other(
    plot: Plot,
    files: tuple[Mapping[str, bytes], Mapping[str, bytes]],
    digest: str,
    around: tuple[Surroundings, Surroundings],
) -> Iterator[str]:
    """What is wrong when one load takes place in the one, and one of other files in the other."""
    first, later = around
    lay(plot.datasets, files[0])
    plot.doit("load_source_a", environment=first.environment, prefix=first.prefix)
    lay(plot.datasets, files[1])
    for complaint in _loads(plot, digest, later):
        yield f"after {first.name}, {complaint}"
    if plot.doit("load_source_a", "--rehash").code or plot.digest() != digest:
        yield f"after {first.name} and {later.name}: another digest when all is read again"


def _under_a_wild_clock(plot: Plot, digest: str, build: Path) -> Iterator[str]:
    """What is wrong when the clock is set to and fro all the time while a load is under way."""
    build.mkdir(mode=0o700)
    with _wild_clock(build.with_name("clock")) as environment:
        yield from _alone(plot, digest, build / "build", Surroundings("a clock set to and fro", environment))


@contextmanager
def _wild_clock(file: Path) -> Iterator[Mapping[str, str]]:
    """The environment in which time is what the file says, which changes every few milliseconds."""
    (library, *_) = glob("/usr/lib/*/faketime/libfaketime.so.1")
    done = threading.Event()

    def set_it() -> None:
        offsets = ["-1y", "+10y", "+0", "-1d", "+1h"]
        while not done.wait(0.005):
            aside = file.with_suffix(".new")
            aside.write_text(offsets[0])
            aside.replace(file)
            offsets.append(offsets.pop(0))

    file.write_text("-1y")
    setter = threading.Thread(target=set_it)
    setter.start()
    try:
        settings = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1"}
        yield {**settings, **_REAL_STAMPS}
    finally:
        done.set()
        setter.join()


CAMPAIGN = Campaign(
    name="environment",
    shows="umask, locale, time zone, clock, hash seed and closed streams change neither content nor rights",
    run=_run,
    programs=("faketime",),
)
