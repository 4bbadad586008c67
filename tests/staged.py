"""Training stages in a process of their own, for tests that kill it or start two of it.

    staged.py LOG SECONDS MODULE ARGUMENT... [then MODULE ARGUMENT...]

Every step takes so many seconds more. Steps and written files are lines of the log.
"""

import os
import runpy
import sys
import time
from itertools import groupby
from pathlib import Path

import torch

from quals.training import loop
from quals.training.processes import join

THEN = "then"


def main(log: str, seconds: str, *words: str) -> None:
    def tell(what: str) -> None:
        with open(log, "a", encoding="utf-8") as file:  # short lines are appended whole
            file.write(f"{join().rank} {what}\n")

    replace, differentiate = os.replace, loop.differentiate

    def replaced(source: Path, target: Path) -> None:
        replace(source, target)
        tell(f"file {target}")

    def differentiated(*given: object, **named: object) -> torch.Tensor:
        tell("step")
        time.sleep(float(seconds))
        return differentiate(*given, **named)

    os.replace, loop.differentiate = replaced, differentiated
    os.cpu_count = lambda: 1  # one model after another
    torch.set_num_threads(1)  # as all tests do
    for _, command in groupby(words, lambda word: word == THEN):
        sys.argv = list(command)
        if sys.argv != [THEN]:
            runpy.run_module(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
