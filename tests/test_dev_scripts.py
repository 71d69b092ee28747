"""Setting up: the scripts in dev/ and .ci/, the lock files, the Dockerfile."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
SCRIPTS = [".ci/run", "dev/bench", "dev/faults", "dev/format.sh", "dev/lock", "dev/run", "dev/test", "dev/typecheck.sh"]
LOCKS = ["requirements.lock", "requirements-dev.lock"]

# What the stand-ins for doit and pytest print: all that a script decides about them.
REPORT = """
import json, os, sys
print(json.dumps({"name": NAME, "arguments": sys.argv[1:], "folder": os.getcwd(), "python": sys.executable}))
"""


class Clone:
    """A copy of the scripts with two small packages of its own to install, so that no test asks the network."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "SIGID_PYTHON": sys.executable,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
        }

    def start(self, script: str, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.folder / script, *arguments],
            cwd="/",
            env=self.environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        process = self.start(script, *arguments, **settings)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def make_wheel(folder: Path, name: str) -> str:
    """A wheel whose `python -m name` prints the report. Returns the line of a lock that pins it."""
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}/__main__.py", REPORT.replace("NAME", repr(name)))
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def fresh_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh")
    shutil.copytree(PROJECT / "dev", folder / "a clone" / "dev", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "a clone" / "sigid").mkdir()
    (folder / "a clone" / "sigid" / "__init__.py").touch()
    (folder / "wheels").mkdir()
    doit, tests = (make_wheel(folder / "wheels", name) for name in ("doit", "pytest"))
    (folder / "a clone" / "requirements.lock").write_text(doit)
    (folder / "a clone" / "requirements-dev.lock").write_text(doit + tests)
    return folder


@pytest.fixture(scope="module")
def made_folder(fresh_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "copy"
    shutil.copytree(fresh_folder, folder)
    made = Clone(folder / "a clone", folder / "wheels").run("dev/run")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def fresh_clone(fresh_folder: Path, tmp_path: Path) -> Clone:
    """A clone without an environment."""
    shutil.copytree(fresh_folder, tmp_path / "copy")
    return Clone(tmp_path / "copy" / "a clone", tmp_path / "copy" / "wheels")


@pytest.fixture
def made_clone(made_folder: Path, tmp_path: Path) -> Clone:
    """A clone with what `dev/run` makes, moved here from where it was made."""
    shutil.copytree(made_folder, tmp_path / "copy", symlinks=True)
    return Clone(tmp_path / "copy" / "a clone", tmp_path / "copy" / "wheels")


@pytest.mark.parametrize("script", [*SCRIPTS, "dev/environment.sh"])
def test_a_script_parses(script: str) -> None:
    subprocess.run(["bash", "-n", PROJECT / script], check=True)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_started(script: str) -> None:
    assert os.access(PROJECT / script, os.X_OK)


def test_the_first_run_makes_an_environment_and_starts_doit_in_it(fresh_clone: Clone) -> None:
    ran = fresh_clone.run("dev/run", "load_source_a", "--strict", "an argument")

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "name": "doit",
        "arguments": ["load_source_a", "--strict", "an argument"],
        "folder": str(fresh_clone.folder),
        "python": str(fresh_clone.folder / ".venv/bin/python"),
    }


def test_what_the_user_set_up_for_another_python_does_not_reach_the_environment(fresh_clone: Clone) -> None:
    ran = fresh_clone.run("dev/run", PYTHONHOME="/nowhere", PYTHONPATH="/nowhere", VIRTUAL_ENV="/nowhere", PIP_USER="1")

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["python"] == str(fresh_clone.folder / ".venv/bin/python")


def test_the_next_run_touches_nothing(made_clone: Clone) -> None:
    shutil.rmtree(made_clone.folder / "dev/pip")

    ran = made_clone.run("dev/run", SIGID_PYTHON="/nowhere")

    assert ran.returncode == 0
    assert ran.stderr == ""


def test_sigid_is_imported_from_anywhere_even_after_its_folder_has_moved(made_clone: Clone) -> None:
    python = made_clone.folder / ".venv/bin/python"

    imported = subprocess.run(
        [python, "-c", "import sigid; print(sigid.__file__)"], cwd="/", check=True, capture_output=True, text=True
    )

    assert imported.stdout.strip() == str(made_clone.folder / "sigid/__init__.py")


def test_the_tests_add_to_the_environment_of_a_run(made_clone: Clone) -> None:
    mark = made_clone.folder / ".venv/mark"
    mark.touch()

    tested = made_clone.run("dev/test", "-k", "word")
    ran = made_clone.run("dev/run")

    assert json.loads(tested.stdout)["name"] == "pytest"
    assert json.loads(tested.stdout)["arguments"] == ["-k", "word"]
    assert ran.stderr == ""
    assert mark.exists()


def test_another_lock_makes_another_environment(made_clone: Clone) -> None:
    mark = made_clone.folder / ".venv/mark"
    mark.touch()
    with (made_clone.folder / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")

    assert made_clone.run("dev/run").returncode == 0

    assert not mark.exists()


def test_an_environment_whose_python_is_gone_is_made_anew(made_clone: Clone) -> None:
    python = made_clone.folder / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")

    assert made_clone.run("dev/run").returncode == 0


def test_an_environment_that_was_interrupted_is_made_anew(made_clone: Clone) -> None:
    (packages,) = made_clone.folder.glob(".venv/lib/python3.*/site-packages")
    shutil.rmtree(packages / "doit")
    (made_clone.folder / ".venv/requirements.lock").unlink()

    assert made_clone.run("dev/run").returncode == 0


def test_two_first_runs_at_once_make_one_environment(fresh_clone: Clone) -> None:
    both = [fresh_clone.start("dev/run"), fresh_clone.start("dev/run")]

    said = [process.communicate(timeout=120)[1] for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    assert "".join(said).count("installing what requirements.lock pins") == 1


def test_without_a_python_that_will_do_one_line_names_the_way_out(fresh_clone: Clone) -> None:
    ran = fresh_clone.run("dev/run", SIGID_PYTHON="/nowhere/python3")

    assert ran.returncode == 1
    assert ran.stderr == (
        "dev/run: no Python 3.11 or newer, with its venv and ssl modules, as /nowhere/python3; "
        "install one, or name it: SIGID_PYTHON=/path/to/python3 dev/run\n"
    )


def test_without_packages_to_install_the_last_line_names_the_way_out_and_the_next_run_tries_again(
    fresh_clone: Clone,
) -> None:
    ran = fresh_clone.run("dev/run", PIP_FIND_LINKS="")

    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == (
        "dev/run: what requirements.lock pins could not be installed: pip says why above. It asks the network, "
        "or whatever its own settings name: PIP_NO_INDEX=1 PIP_FIND_LINKS=/folder/of/wheels dev/run"
    )
    assert fresh_clone.run("dev/run").returncode == 0


def test_a_package_with_another_hash_is_not_installed(fresh_clone: Clone) -> None:
    make_wheel(fresh_clone.folder.parent / "wheels", "doit")
    with (fresh_clone.folder.parent / "wheels/doit-1.0-py3-none-any.whl").open("ab") as wheel:
        wheel.write(b"more")

    ran = fresh_clone.run("dev/run")

    assert ran.returncode == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in ran.stderr


def test_a_damaged_pip_is_not_started(fresh_clone: Clone) -> None:
    (wheel,) = fresh_clone.folder.glob("dev/pip/*.whl")
    wheel.write_bytes(wheel.read_bytes() + b"more")

    ran = fresh_clone.run("dev/run")

    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == (
        "dev/run: dev/pip is not what dev/pip/SHA256SUMS says; restore it: git checkout dev/pip"
    )


def normal(name: str) -> str:
    """A package's name as packaging's rules compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> Iterator[tuple[str, str]]:
    """The packages of a lock file: each one's name and its whole line."""
    text = re.sub(r"^\s*#.*\n", "", (PROJECT / lock).read_text(), flags=re.MULTILINE)
    for line in text.replace("\\\n", "").splitlines():
        yield normal(line.partition("==")[0]), " ".join(line.split())


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_nothing_but_exact_versions_with_hashes(lock: str) -> None:
    pinned = re.compile(r"[a-z0-9._-]+==[^ ]+( ; [^-]+)?( --hash=sha256:[0-9a-f]{64})+")

    assert [line for _, line in pins(lock) if not pinned.fullmatch(line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_says_nothing_about_where_packages_come_from(lock: str) -> None:
    text = (PROJECT / lock).read_text()

    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_the_locks_have_every_dependency_that_the_project_names() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    needed, asked_for, for_tests = (
        {normal(re.split(r"[ ~=<>!;\[]", requirement)[0]) for requirement in requirements}
        for requirements in (
            project["project"]["dependencies"],
            chain(*project["project"]["optional-dependencies"].values()),
            project["dependency-groups"]["dev"],
        )
    )

    assert needed <= {name for name, _ in pins("requirements.lock")}
    assert needed | asked_for | for_tests <= {name for name, _ in pins("requirements-dev.lock")}


def test_the_development_lock_has_all_that_the_other_has() -> None:
    """The same file of each package, be it on more systems."""

    def files(lock: str) -> set[str]:
        return {re.sub(" ; .*?(?= --hash)", "", line) for _, line in pins(lock)}

    assert files("requirements.lock") <= files("requirements-dev.lock")


def test_pip_is_the_file_whose_hash_is_noted() -> None:
    (wheel,) = (PROJECT / "dev/pip").glob("*.whl")

    noted = (PROJECT / "dev/pip/SHA256SUMS").read_text()

    assert noted == f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n"


def test_the_wheel_has_the_library_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "flit_core.wheel", "--outdir", tmp_path], cwd=PROJECT, check=True)

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(PROJECT)) for path in (PROJECT / "sigid").rglob("*.py")}
    others = {str(path.relative_to(PROJECT)) for path in (PROJECT / "sigid").rglob("*.*") if not is_code(path)}
    templates = {"index", "base", "parts", "sheets", "signee", "source"}
    assert others == {
        *("sigid/py.typed", "sigid/warehouse/sqlite_schema.sql", "sigid/report/html/style.css"),
        *(f"sigid/report/html/templates/{name}.html" for name in templates),
    }
    assert files == modules | others


def is_code(path: Path) -> bool:
    return path.suffix in (".py", ".pyc")


def test_nothing_is_installed_without_hashes_but_what_no_run_of_sigid_uses() -> None:
    """SECURITY.md names them: the tool that writes the locks, and the benchmark's rivals."""
    files = [*PROJECT.glob("dev/**/*"), *PROJECT.glob(".ci/*"), PROJECT / "Dockerfile"]
    texts = {
        str(file.relative_to(PROJECT)): file.read_text()
        for file in files
        if file.suffix in ("", ".sh", ".py") and file.is_file()
    }
    pip = re.compile(r"^.*\bpip\b.*\binstall\b(?!ed).*$", re.MULTILINE)

    found = {name: pip.findall(text.replace("\\\n", "")) for name, text in texts.items()}

    installs = {name: lines for name, lines in found.items() if lines}
    hashed = {name for name, lines in installs.items() if all("--require-hashes" in line for line in lines)}
    assert hashed == {"dev/environment.sh", "Dockerfile"}
    assert installs.keys() - hashed == {"dev/lock", "dev/benchmark/environment.py"}


@pytest.mark.parametrize("tree", ["sigid", "tasks", "dev", "tests"])
def test_a_security_rule_that_is_switched_off_says_why(tree: str) -> None:
    without = re.compile(r"# noqa: S\d+\s*$", re.MULTILINE)

    assert [str(file) for file in (PROJECT / tree).rglob("*.py") if without.search(file.read_text())] == []


DANGERS = {
    "S102": "exec(text)",
    "S301": "import pickle\n\npickle.loads(text)",
    "S302": "import marshal\n\nmarshal.loads(text)",
    "S306": "import tempfile\n\ntempfile.mktemp()",
    "S307": "eval(text)",
    "S310": "import urllib.request\n\nurllib.request.urlopen(text)",
    "S314": "import xml.etree.ElementTree as tree\n\ntree.parse(text)",
    "S324": "import hashlib\n\nhashlib.md5(text)",
    "S506": "import yaml\n\nyaml.load(text)",
    "S602": "import subprocess\n\nsubprocess.run(text, shell=True)",
    "S605": "import os\n\nos.system(text)",
    "S608": 'statement = f"SELECT * FROM signature WHERE id = {text}"',
}


@pytest.mark.parametrize("rule", DANGERS)
@pytest.mark.parametrize("module", ["sigid/anything.py", "tasks/anything.py"])
def test_what_would_run_or_unpack_foreign_bytes_does_not_pass_the_check(rule: str, module: str) -> None:
    check = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--output-format=concise",
        "--stdin-filename",
        module,
        "-",
    ]

    checked = subprocess.run(
        check, cwd=PROJECT, input=f"{DANGERS[rule]}\n", capture_output=True, text=True, check=False
    )

    assert f" {rule} " in checked.stdout


def instructions() -> dict[str, list[str]]:
    """The Dockerfile's instructions: what is said to each of them, in order."""
    text = re.sub(r"^#.*\n", "", (PROJECT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    found: dict[str, list[str]] = {}
    for line in filter(None, text.splitlines()):
        instruction, _, said = line.partition(" ")
        found.setdefault(instruction, []).append(" ".join(said.split()))
    return found


def test_the_image_runs_doit_on_a_slim_base_and_not_as_root() -> None:
    said = instructions()

    assert re.fullmatch(r"python:3\.\d+-slim", said["FROM"][-1])
    assert said["USER"] == ["1000:1000"]
    assert said["ENTRYPOINT"] == ['["doit"]']


def test_the_image_keeps_datasets_and_build_in_the_volumes_that_the_settings_name() -> None:
    said = instructions()

    assert said["VOLUME"] == ["/datasets /build"]
    assert {"SIGID_DATASETS=/datasets", "SIGID_BUILD=/build"} <= set(said["ENV"][0].split())


def test_the_image_installs_the_lock_before_it_sees_the_code() -> None:
    said = instructions()

    assert said["COPY"][0] == "requirements.lock /tmp/"
    assert "--require-hashes" in said["RUN"][0]
    assert said["RUN"][0].endswith("--requirement /tmp/requirements.lock")


def test_ci_runs_what_the_readme_tells_people_to_type() -> None:
    readme = [line.strip() for line in (PROJECT / "README.md").read_text().splitlines()]
    checks = (PROJECT / ".ci/run").read_text()

    assert "dev/test" in readme
    assert "dev/run load_source_a" in readme
    assert "check tests dev/test\n" in checks
    assert 'dev/run" load_source_a\n' in checks


def test_ci_goes_on_after_a_failure_and_fails_at_the_end(tmp_path: Path) -> None:
    stubs = {
        "bin/git": 'cp -r . "${@: -1}"',
        "bin/mariadbd": "",
        "bin/mariadb-install-db": "",
        "bin/strace": "",
        "bin/faketime": "",
        "bin/chromium": "",
        **dict.fromkeys(("bin/mkfs.ext4", "bin/mount", "bin/umount", "bin/losetup"), ""),
        "dev/test": "false",
        "dev/format.sh": "",
        "dev/typecheck.sh": "",
        "dev/run": "",
    }
    for name, command in stubs.items():
        stub = tmp_path / "clone" / name
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.write_text(f"#!/usr/bin/env bash\n{command}\n")
        stub.chmod(0o755)
    shutil.copytree(PROJECT / ".ci", tmp_path / "clone/.ci")

    ran = subprocess.run(
        [tmp_path / "clone/.ci/run"],
        env={**os.environ, "PATH": f"{tmp_path / 'clone/bin'}:{os.environ['PATH']}"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 1
    table = ran.stdout.split("\n\n")[-1].splitlines()
    assert [re.split(r"  +", line)[:2] for line in table] == [
        ["mariadb", "ok"],
        ["faults", "ok"],
        ["browser", "ok"],
        ["tests", "FAILED"],
        ["format", "ok"],
        ["types", "ok"],
        ["clone", "ok"],
        ["first load", "ok"],
        ["second load", "ok"],
    ]
