"""Which QUALS do the commands use, and on what is it no use? Shared by `score` and `explain`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch takes seconds to import; --help and a bad line should not wait for it
    from quals.metrics.quals import QualsSettings


def add_metric_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say which model and settings are used."""
    add = parser.add_argument
    add("--model", required=True, metavar="DIR", help="folder or hub id of a QAGen model")
    add("--params", type=Path, metavar="YAML", help="settings from its 'quals' section")
    add("--groups", type=positive, metavar="N", help="question-answer pairs tried per summary")


def positive(text: str) -> int:
    """A number of an option, at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")
    return int(text)


def chosen_settings(arguments: argparse.Namespace) -> "QualsSettings":
    """Those of --params, else those that come with the model; --groups changes one."""
    from quals.metrics import quals
    from quals.params import load_section

    if arguments.params is not None:
        settings = load_section(arguments.params, "quals", quals.QualsSettings)
    else:
        settings = quals.load_settings(arguments.model)
    if arguments.groups is None:
        return settings
    return settings.model_copy(update={"groups": arguments.groups})


def unscorable(document: str, summary: str) -> str | None:
    """Why no question can be asked of these texts, or None.

    A score of a text without words would be a number about nothing: with an empty document it
    says how likely the pairs are of themselves.
    """
    for name, text in (("summary", summary), ("document", document)):
        if not text.strip():
            return f"the {name} is empty"
        if not any(map(str.isalnum, text)):
            return f"the {name} has no letter or digit"
    return None
