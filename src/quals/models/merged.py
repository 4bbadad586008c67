"""Print the model folder of an adapter (`python -m quals.models.merged ADAPTER`).

For commands that take a folder: adapter and base are merged once, and kept in the cache.
"""

import argparse

from quals.command import run
from quals.models.source import model_folder


def main(arguments: argparse.Namespace) -> None:
    """Print one line, the folder; `InputError` where adapter or base is not here."""
    print(model_folder(arguments.adapter))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", metavar="ADAPTER", help="a folder, or a hub id of one")
    run(main, parser)
