"""Where does a stage's unfinished work wait? In a folder that DVC never looks into.

DVC removes what a stage makes before it runs the stage again: nothing there survives a kill.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "QUALS_CHECKPOINTS"  # environment: where it waits, where not in `.checkpoints`


@contextmanager
def unfinished(params: Path, stage: str) -> Iterator[Path]:
    """The folder `.checkpoints/<scale>/<stage>`, which goes when the block has ended well.

    Not before: whatever the stage does last may be killed, and would take what came first along.
    """
    folder = Path(os.environ.get(FOLDER, ".checkpoints")) / params.stem / stage
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
