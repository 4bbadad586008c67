"""Laws of scales of real text: every section is one that a stage reads; the paper's numbers."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import networkx
import pytest
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from pipeline import ROOT

from quals.corpora.judgments import Judgments
from quals.corpora.settings import RealCorpus, RealQuestions
from quals.decoding.jobs import Sample, Summarize
from quals.decoding.summarizer import SummaryLimits
from quals.left_out import LeftOut
from quals.metrics.answers import LanguageSettings
from quals.metrics.encoder_reader import EncoderReaderSettings
from quals.metrics.factcc import FactccSettings
from quals.metrics.qags import QagsSettings
from quals.metrics.quals import PAPER, QualsSettings
from quals.metrics.rewards import Reward
from quals.metrics.rouge import RougeSettings
from quals.metrics.selectors import QualsSelection
from quals.params import load_section, load_yaml
from quals.rehearsal.scale import LISTS
from quals.stages.copying import Copying
from quals.stages.examples import Examples
from quals.stages.judge_quals import Variants
from quals.stages.report import ReportSettings
from quals.stages.speed import Speed
from quals.training.adapted_qagen import AdaptedQagen
from quals.training.adapted_qg import AdaptedQg
from quals.training.contrastive import Contrastive, Method
from quals.training.encoder_factcc import TrainEncoderFactcc
from quals.training.encoder_reader import TrainEncoderReader
from quals.training.mle import TrainMle
from quals.training.pretrained_qagen import PretrainedQagen
from quals.training.pretrained_qg import PretrainedQg
from quals.training.running import Hardware

SECTIONS = {
    "left_out": LeftOut,
    "hardware": Hardware,
    "corpus": RealCorpus,
    "questions": RealQuestions,
    "train_qagen": PretrainedQagen,
    "train_qg": PretrainedQg,
    "train_reader": TrainEncoderReader,
    "train_factcc": TrainEncoderFactcc,
    "quals": QualsSettings,
    "language": LanguageSettings,
    "qags": QagsSettings,
    "reader": EncoderReaderSettings,
    "factcc": FactccSettings,
    "rouge": RougeSettings,
    "train_mle": TrainMle,
    "summarize": Summarize,
    "sample": Sample,
    "reward": Reward,
    "quals_selection": QualsSelection,
    "contrastive": Contrastive,
    "judgments": Judgments,
    "quals_variants": Variants,
    "speed": Speed,
    "copying": Copying,
    "examples": Examples,
    "report": ReportSettings,
}
ADAPTED = {"train_qagen": AdaptedQagen, "train_qg": AdaptedQg}  # of a language model
LAPTOP = ROOT / "scales/laptop.yaml"
SCALES = [ROOT / "scales" / name for name in ("paper.yaml", "base.yaml")]


@pytest.mark.parametrize("scale", [*SCALES, LAPTOP], ids=lambda path: path.stem)
def test_every_section_is_read_by_a_stage(scale):
    content = load_yaml(scale)
    others = ("summaries", "methods", "agreement", *["card"] * (scale == LAPTOP))
    assert set(content) == {*SECTIONS, *others}
    for name, schema in (SECTIONS | (ADAPTED if scale == LAPTOP else {})).items():
        load_section(scale, name, schema)
    for name in content["summaries"]:
        load_section(scale, f"summaries.{name}", SummaryLimits)
    for name in content["methods"].keys() - set(content["left_out"]["methods"]):
        load_section(scale, f"methods.{name}", Method)


@pytest.mark.parametrize("scale", SCALES, ids=lambda path: path.stem)
def test_every_hub_id_has_a_commit(scale):
    revisions = re.findall(r"hub: [\w./-]+(?:@(\w+))?", scale.read_text())
    assert revisions
    assert all(re.fullmatch(r"[0-9a-f]{40}", revision) for revision in revisions)


@pytest.mark.parametrize("scale", SCALES, ids=lambda path: path.stem)
def test_every_value_has_a_comment_that_says_where_it_is_from(scale):
    known = "paper|QAGS|FactCC|BERT|official code|ours|as for|as in"
    for number, line in enumerate(scale.read_text().splitlines(), start=1):
        value = re.match(r" *(?:- )?[\w.]+: *([^#\s].*)", line)
        if value:
            assert re.search(known, line.partition("#")[2]), f"{scale.name}:{number}: {line}"


def test_the_numbers_are_the_papers():
    scale = ROOT / "scales/paper.yaml"
    unlike = {"row_budget"}  # of no effect on scores
    quals = load_section(scale, "quals", QualsSettings)
    assert quals.model_dump(exclude=unlike) == PAPER.model_dump(exclude=unlike)
    summaries = load_yaml(scale)["summaries"]
    limits = {k: (v["beams"], v["shortest"], v["longest"]) for k, v in summaries.items()}
    assert limits == {"xsum": (6, 10, 60), "cnndm": (4, 55, 140)}
    sample = load_section(scale, "sample", Sample)
    assert (sample.documents, sample.samples, sample.top_k) == (None, 6, 50)
    mle = load_section(scale, "train_mle", TrainMle).finetuning
    assert [t.schedule.warmup_steps for t in mle.values()] == [500, 0]
    shared = load_section(scale, "contrastive", Contrastive)
    assert (shared.negative_share, shared.pairs) == (0.3, None)
    qagen = load_section(scale, "train_qagen", PretrainedQagen)
    assert (qagen.separator, qagen.separator_id) == ("ĠstrutConnector", 50259)
    recipe = [qagen.finetuning, *mle.values()]
    for training in (*recipe, *shared.finetuning.values()):
        assert training.label_smoothing == training.dropout == training.attention_dropout == 0.1
        assert training.part_tokens == 1024
        assert (training.schedule.beta2, training.schedule.clip_norm) == (0.999, 0.1)
    assert {training.lr for training in recipe} == {3e-5}
    for training in shared.finetuning.values():
        assert (training.epochs, training.lr, training.schedule.final_share) == (2, 3e-6, 1.0)
    methods = load_yaml(scale)["methods"]
    assert {method["lr"] for method in methods.values() if method} == {3e-6}
    conseq = load_section(scale, "methods.conseq", Method)
    assert (conseq.positive_share, conseq.negative_tokens, conseq.negative_weight) == (
        0.3,
        "all",
        1,
    )


GRID = {**load_yaml(ROOT / "params.yaml"), **LISTS}
TARGETS = ["judgments", "judge_summaries", "report"]  # of `make paper` and `make laptop`


def documented() -> tuple[str, str]:
    """The commands in docs/paper_scale.md: the scale alone, and with other lists."""
    text = (ROOT / "docs/paper_scale.md").read_text()
    alone, more = re.findall(r"^dvc exp run (.*?)^```", text, re.M | re.S)
    return alone, more


def grid_of(command: str) -> tuple[dict[str, list], list[str]]:
    """The grid of params.yaml with the lists that a command sets, and the command's targets."""
    lists = re.findall(r"-S '(\w+)=\[(.*?)\]'", command)
    grid = {
        key: [int(one) if one.isdigit() else one for one in filter(None, values.split(","))]
        for key, values in lists
    }
    targets = command.rpartition("'")[2].replace("\\", " ").split()
    return {**load_yaml(ROOT / "params.yaml"), **grid}, targets


def test_what_the_documented_command_runs_is_what_was_rehearsed():
    alone, more = documented()
    assert alone.strip() == "-S 'scales=[paper]'"
    grid, targets = grid_of(more)
    assert grid == {**GRID, "scales": ["paper"]}
    assert targets == TARGETS


@pytest.mark.parametrize("scale", ["paper", "base"])
def test_make_runs_the_documented_command(scale):
    # The tests are run by make, which tells its likes beneath it where they are.
    asked = ["make", "--no-print-directory", "-n", "paper", f"SCALE={scale}"]
    made = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    grid, targets = grid_of(made.stdout[made.stdout.index("dvc exp run") :])
    assert (grid, targets) == ({**GRID, "scales": [scale]}, TARGETS)


@pytest.mark.parametrize("scale", ["paper", "base", "laptop"])
@pytest.mark.parametrize("lists", [{}, LISTS], ids=["as in params.yaml", "as rehearsed"])
def test_dvc_makes_all_that_the_targets_need_on_the_way(tmp_path, scale, lists):
    """As a clone has it: what git keeps is here, and everything else is made by some stage."""
    grid = {**load_yaml(ROOT / "params.yaml"), **lists, "scales": [scale]}
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    kept = ("requirements.lock", "scales", "ablations", "docs", "src", "benchmarks")
    for name in kept:
        (tmp_path / name).symlink_to(ROOT / name)
    lines = "".join(f"{key}: [{', '.join(map(str, values))}]\n" for key, values in grid.items())
    (tmp_path / "params.yaml").write_text(lines)
    with Repo.init(tmp_path, no_scm=True) as repo:
        graph = repo.index.graph
        targets = {stage for stage in graph if stage.name.partition("@")[0] in TARGETS}
        stages = targets.union(*(networkx.descendants(graph, stage) for stage in targets))
        read = cache(load_yaml)  # a scale's file takes a while
        outs = [Path(out.fs_path) for stage in stages for out in stage.outs]
        for stage in stages:
            for dep in stage.deps:
                path = Path(dep.fs_path)
                made = [out for out in outs if out.is_relative_to(path) or path.is_relative_to(out)]
                assert made or path.exists(), f"{stage.name}: nobody makes {path}"
                if isinstance(dep, ParamsDependency) and path.exists():
                    lacking = [key for key in dep.params if not has(read(path), key)]
                    assert not lacking, f"{stage.name}: {path.name} lacks {lacking}"
        assert len(stages) == len(graph)


def has(content: object, key: str) -> bool:
    """Whether a dotted key is there."""
    for part in key.split("."):
        if not isinstance(content, dict) or part not in content:
            return False
        content = content[part]
    return True
