"""doit as a shell has it: examples, completion, progress, colours, and an output that cannot be written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sigid.report.form import to_stream
from tests.users import PROJECT, User

FULL = Path("/dev/full")
"""Takes nothing, as a full disk."""

COMPLETED_IN_BASH = """
_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; }
source completion
COMP_WORDS=(doit $1); COMP_CWORD=1; _doit
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""Completes the first argument, with what the package bash-completion gives the script to know the words by."""

COMPLETED_IN_ZSH = """
_arguments() { print -l -- $tasks }
CURRENT=2
source completion
"""
"""Prints what there is to complete it with, which zsh itself would show."""


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)


@pytest.fixture
def shell_user(user: User) -> User:
    """Someone who has `doit` on his path."""
    program = user.folder / "bin" / "doit"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom doit.__main__ import main\nraise SystemExit(main())\n")
    program.chmod(0o700)
    user.environment["PATH"] = f"{program.parent}:{user.environment['PATH']}"
    return user


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> User:
    """Someone who has loaded all sources, and changes nothing."""
    user = User(tmp_path_factory.mktemp("loaded"))
    user.doit()
    return user


def in_shell(user: User, *command: str) -> list[str]:
    """The lines that a command of his prints, in the project."""
    done = subprocess.run(command, cwd=PROJECT, env=user.environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def completion(user: User, shell: str, script: str) -> str:
    """The script, with what doit generates for that shell."""
    generated = user.folder / "completion"
    generated.write_text("\n".join(in_shell(user, "doit", "tabcompletion", "--shell", shell)))
    return script.replace("source completion", f"source {generated}")


def test_bash_completes_the_names_of_the_tasks(shell_user: User) -> None:
    script = completion(shell_user, "bash", COMPLETED_IN_BASH)

    assert in_shell(shell_user, "bash", "-c", script, "bash", "load_") == ["load_source_a", "load_source_b"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_zsh_completes_the_names_of_the_tasks_and_says_what_they_do(shell_user: User) -> None:
    script = completion(shell_user, "zsh", COMPLETED_IN_ZSH)

    listed = in_shell(shell_user, "doit", "list", "--template", "{name}: {doc}")
    assert in_shell(shell_user, "zsh", "-fc", script) == listed
    assert len(listed) > 5


def test_the_help_of_each_task_ends_with_examples_of_it_and_the_list_has_none(user: User) -> None:
    for task in user.doit("list", "--quiet").split():
        helped = user.doit("help", task)

        examples = helped.partition("\nexamples:\n")[2].splitlines()
        assert examples, task
        assert all(line.startswith(f"  doit {task}") and "  " in line.strip() for line in examples)
    assert "examples" not in user.doit("list")


def test_the_options_in_the_examples_are_there(user: User) -> None:
    for task in user.doit("list", "--quiet").split():
        options, _, examples = user.doit("help", task).partition("\nexamples:\n")

        typed = [word.partition("=")[0] for word in examples.split() if word.startswith("--")]
        assert [option for option in typed if f"  {option}" not in options] == []


def test_who_mistypes_a_task_is_told_what_to_type_by_doits_name(user: User) -> None:
    """`dev/run lode_source_a` said `Type "-m list"`: it has Python run doit as a module."""
    told = user.doit("lode_source_a", code=3)

    assert 'Type "doit list" to see available tasks.' in told


def test_help_for_what_is_no_task_is_doits_own(user: User) -> None:
    assert "examples:" not in user.doit("help", "nothing")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", ["list", "help catalog", "clean -n", "load_source_a", "catalog", "plan_source_a"])
def test_an_output_that_takes_nothing_is_told_in_one_line(loaded: User, arguments: str, unbuffered: str) -> None:
    # doit's own commands ended with a traceback, or with one of Python's at exit.
    environment = loaded.environment | {"PYTHONUNBUFFERED": unbuffered}
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "doit", *arguments.split()],
            cwd=PROJECT,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.removeprefix(f"{arguments} failed: ") == (
        "standard output: No space left on device; make room there and run again\n"
    )


def test_an_output_that_takes_nothing_is_told_by_its_name_when_more_than_a_buffer_was_written() -> None:
    """A plan of many steps was told that "a file that sigid writes" had no space: it was standard output."""
    with pytest.raises(OSError, match="No space left") as caught, FULL.open("w") as full:
        to_stream(("x" * 50 + "\n" for _ in range(1000)), full)

    assert caught.value.filename == "standard output"


@pytest.mark.parametrize("arguments", ["list", "rejects", "help rejects"])
def test_a_reader_who_leaves_is_no_failure(loaded: User, arguments: str) -> None:
    command = f'"$0" -m doit {arguments} | true; exit ${{PIPESTATUS[0]}}'

    assert in_shell(loaded, "bash", "-c", command, sys.executable) == []


def test_a_load_shows_its_progress_on_a_terminal_and_none_of_it_in_a_pipe(user: User) -> None:
    shown = user.on_terminal("load_source_a")
    colourless = user.on_terminal("load_source_a", "--rehash", NO_COLOR="1")
    piped = user.doit("load_source_a", "--rehash")

    assert "reading source_a" in shown
    assert "reading source_a" in colourless
    assert "\x1b[3" in shown
    assert "\x1b[3" not in colourless
    assert [line.partition(":")[0] for line in piped.splitlines()] == [
        ".  scan_source_a",
        ".  load_source_a",
        "source_a",
    ]
    assert "\x1b" not in piped
