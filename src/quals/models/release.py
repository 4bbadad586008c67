"""How does a trained adapter become a released one? Copied, with its record and a model card."""

import argparse
import shutil
from pathlib import Path

from quals.models import adapter_folder
from quals.models.adapter import SETTINGS, whole_folder
from quals.models.adapter_folder import CONFIG, RECORD, TRAINING, WEIGHTS, AdapterError
from quals.models.card import write_card

MOST_BYTES = 8_000_000  # of weights that are kept in git


def release(adapter: Path, metrics: Path, params: Path, out: Path) -> None:
    """Write the folder `out`, whole or not at all; an older release of that name is replaced.

    `AdapterError` where the weights are too large for a repository or `out` is something else.
    """
    adapter_folder.load(adapter)
    size = (adapter / WEIGHTS).stat().st_size
    if size > MOST_BYTES:
        raise AdapterError(
            f"{adapter / WEIGHTS}: {size:,} bytes, at most {MOST_BYTES:,} are released; "
            "a lower rank or 16 bits make it smaller"
        )
    if out.exists() and not (out / RECORD).is_file():
        raise AdapterError(f"{out}: is there and is no adapter")
    with whole_folder(out) as part:
        for name in (CONFIG, RECORD, WEIGHTS, SETTINGS):
            shutil.copyfile(adapter / name, part / name)
        shutil.copyfile(metrics, part / TRAINING)
        write_card(part, metrics, params, name=out.name)


if __name__ == "__main__":
    from quals.command import run, stage_parser

    def main(arguments: argparse.Namespace) -> None:
        release(arguments.adapter, arguments.metrics, arguments.params, arguments.out)
        print(f"released: {arguments.out}")

    run(main, stage_parser(__doc__, paths="adapter metrics params out"))
