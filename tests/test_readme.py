"""Laws of the README: its numbers are those of the results, its drawing is the pipeline."""

import re
from pathlib import Path

from pipeline import ROOT

from quals.analysis.readme import filled, render_block, render_values
from quals.assets import catalogue
from quals.params import load_yaml

README = (ROOT / "README.md").read_text()


def test_results_block_is_what_the_result_files_give():
    assert filled(README, render_block(ROOT / "results/testbed")) == README


def test_score_card_shows_the_values_of_the_result_files():
    card = (ROOT / "docs/score_card.md").read_text()
    assert filled(card, render_values(ROOT / "results/testbed")) == card


def test_drawing_and_table_name_the_stages_of_dvc_yaml():
    stages = set(load_yaml(ROOT / "dvc.yaml")["stages"])
    drawing = README.split("```mermaid")[1].split("```")[0]
    assert set(re.findall(r"[a-z_]+", drawing.split("LR")[1])) == stages
    table = README.split("| stage | per | does |")[1].split("\n\n")[0]
    assert (
        set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\|[^|]+\|", table, re.M)))) == stages
    )


def test_drawing_has_only_edges_that_the_pipeline_has():
    from pipeline import stages

    judged = {"judgments": ["qags_xsum"], "judgments_qags": ["qags_xsum"]}
    cells = stages({**load_yaml(ROOT / "params.yaml"), **judged})
    makers = {out: cell.name for cell in cells for out in cell.outs}
    edges = {
        (maker, cell.name)
        for cell in cells
        for dep in cell.deps
        for out, maker in makers.items()
        if out == dep or out.startswith(f"{dep}/")
    }
    drawing = README.split("```mermaid")[1].split("```")[0]
    drawn = set(re.findall(r"(\w+) --> (\w+)", drawing))
    assert drawn <= edges
    # Every stage's inputs are drawn, if not each file of them.
    assert {target for _, target in edges} == {target for _, target in drawn}


def test_make_commands_of_the_readme_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"^make (\w+)", README, re.M)) <= targets


def test_links_lead_to_files():
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert Path(ROOT / link).exists(), link


def test_licences_name_everything_that_is_fetched():
    table = README.split("## Licences")[1]
    fetched = {asset.package.name: asset.licence for asset in catalogue.ASSETS}
    fetched[catalogue.PIPELINE.distribution] = catalogue.PIPELINE.licence
    for name, licence in fetched.items():
        (row,) = [line for line in table.splitlines() if f"`{name}`" in line]
        assert licence.split()[0] in row, name
    for scale in (ROOT / "scales").glob("*.yaml"):
        for repository in re.findall(r"\{id: ([^,]+),", scale.read_text()):
            assert f"`{repository}`" in table


def test_deviations_have_a_reason_each():
    table = (ROOT / "docs/deviations.md").read_text().split("\n\n")[1].splitlines()
    assert len(table) > 10
    for row in table[2:]:
        assert all(cell.strip() for cell in row.strip("|").split("|")), row
