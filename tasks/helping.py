"""What doit says of itself and its tasks: its name, a task's options, and below `doit help TASK` how it is called."""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

from doit.cmd_help import Help
from doit.doit_cmd import DoitMain

Examples = tuple[tuple[str, str], ...]
"""What is typed after the task's name, and what comes of it."""


def examples(*each: tuple[str, str]) -> dict[str, dict[str, Examples]]:
    """What a task's dictionary says of how the task is called; doit has a place for what is not its own."""
    return {"meta": {"examples": each}}


def option(
    long: str, default: Any, explained: str, *, name: str = "", choices: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """What a task's dictionary says of an option, whose value has the type of its default.

    `name` is that of the parameter which the action has for it, where that is not the option's own.
    """
    return {
        "name": name or long.replace("-", "_"),
        "long": long,
        "type": type(default),
        "default": default,
        "help": explained,
        "choices": choices,
    }


def say_doit() -> None:
    """Have doit tell what to type by its own name: as `python -m doit`, which dev/run says, it takes it to be "-m"."""
    DoitMain.BIN_NAME = "doit"


def show_examples() -> None:
    """Have doit show a task's examples below its options: of a task's `doc` it keeps the first line alone."""
    explain = Help._execute  # doit has no setting for that

    @wraps(explain)
    def explain_all(command: Any, pos_args: list[str]) -> bool:
        found: bool = explain(command, pos_args)
        for task in command.task_list:
            if [task.name] == pos_args:
                print(_text_of(task.name, (task.meta or {}).get("examples", ())))  # noqa: T201  # as doit itself does
        return found

    Help._execute = explain_all


def _text_of(name: str, typed: Examples) -> str:
    commands = [f"doit {name} {rest}".rstrip() for rest, _ in typed]
    width = max(map(len, commands), default=0)
    lines = [f"  {command:<{width}}  {meaning}" for command, (_, meaning) in zip(commands, typed, strict=True)]
    return "\n".join(["examples:", *lines])
