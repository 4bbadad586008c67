"""What does `quals` do? Its subcommands, and one-line errors for all that the user can mend."""

import argparse
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from quals.errors import InputError

# Exit codes: 2 as argparse has it, the others as shells have them for SIGINT and SIGPIPE.
MENDABLE, INTERRUPTED, NOBODY_READS = 2, 130, 141
SPINS = "10000"
# A command module has HELP, add_arguments(parser) and run(arguments) -> exit code or None.
_COMMANDS = {
    "score": "quals.scoring.command",
    "explain": "quals.explain.command",
    "study": "quals.study.command",
    "doctor": "quals.doctor",
    "assets": "quals.assets.command",
}


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand and return the exit code; wrong options leave by `SystemExit`."""
    commands = _commands()
    arguments = _parser(commands).parse_args(argv)
    if "OMP_WAIT_POLICY" not in os.environ:
        # torch's idle threads spin so long that beside other work on their cores they take minutes;
        # after so few turns they sleep, and on quiet cores cost nothing. Read when torch comes in.
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    try:
        return commands[arguments.command].run(arguments) or 0
    except KeyboardInterrupt:
        return _fail(f"interrupted{_hint(arguments)}", INTERRUPTED)
    except BrokenPipeError:
        _settle_output()
        return NOBODY_READS
    except InputError as error:
        return _fail(f"error: {error}", MENDABLE)
    except OSError as error:
        _settle_output()
        # A write that fails does not know its file's name.
        place = error.filename or getattr(arguments, "out", "output")
        reason = error.strerror or error
        return _fail(f"error: {place}: {reason}{_hint(arguments)}", MENDABLE)


def _commands() -> dict[str, ModuleType]:
    """The command modules that are there; all are light to import."""
    found = {}
    for name, module in _COMMANDS.items():
        package = module.rpartition(".")[0]
        if find_spec(package) is not None and find_spec(module) is not None:
            found[name] = import_module(module)
    return found


def _parser(commands: dict[str, ModuleType]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quals", description="Factual consistency of summaries by question answering."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in commands.items():
        summary = getattr(module, "HELP", None)
        module.add_arguments(subparsers.add_parser(name, help=summary))
    return parser


def _hint(arguments: argparse.Namespace) -> str:
    """What to do next where a run has left finished chunks behind."""
    from quals.scoring.workspace import Workspace

    if arguments.command != "score" or not Workspace(Path(arguments.out)).folder.is_dir():
        return ""
    return "; the same command with --resume goes on"


def _settle_output() -> None:
    """Drop what standard output cannot take, or the interpreter complains once more at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> int:
    rank = os.environ.get("RANK", "0")
    line = " ".join(message.split("\n"))
    print(line if rank == "0" else f"[process {rank}] {line}", file=sys.stderr)
    return code
