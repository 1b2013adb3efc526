"""Experiments end to end on drawn runs: sharing, resuming, crashes, files, pages, and folders that are refused."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence

import duckdb
import made_measures
import pandas as pd
import pytest

from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.arrivals.poisson import longest_deadline
from cosco_splitplace.config import Settings
from cosco_splitplace.errors import ConfigurationError, DataFileError, ResultExistsError, UnknownNameError
from cosco_splitplace.evaluation.measures import read_measures, write_measures
from cosco_splitplace.evaluation.reproduction.appendix import DRAIN_INTERVALS
from cosco_splitplace.evaluation.reproduction.documents import document_of
from cosco_splitplace.evaluation.reproduction.experiment import Data, Experiment, Variant
from cosco_splitplace.evaluation.reproduction.folder import TABLE_FILE, ReproductionFolder
from cosco_splitplace.evaluation.reproduction.page import write_page
from cosco_splitplace.evaluation.reproduction.registry import EXPERIMENTS, chosen_experiments
from cosco_splitplace.evaluation.reproduction.running import Reproduction, all_runs, reproduce
from cosco_splitplace.evaluation.reproduction.writing import Circumstances, write_experiments, write_results_page
from cosco_splitplace.evaluation.sweep import Run
from cosco_splitplace.regimes import load_regime, regime_names

SEEDS = (0, 1)
BASE = load_regime().settings()


def done(
    names: Sequence[str], out: Path, jobs: int = 1, seeds: Sequence[int] = SEEDS,
    work: Any = made_measures.drawn_measures,
) -> Reproduction:
    folder = ReproductionFolder(out)
    found = reproduce(chosen_experiments(names), seeds, BASE, folder, jobs, work=work)
    folder.write_table()
    write_experiments(found.data, folder, Circumstances("cosco-splitplace reproduce", BASE, seeds, found.failures))
    return found


def contents(folder: Path) -> Dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reproduced") / "out"
    done(("fig2", "table4"), out)
    return out


def test_the_registry_has_every_figure_of_the_paper_and_ours() -> None:
    figures = {"table4", "fig2", *(f"fig{number}" for number in range(6, 20))}
    assert figures <= set(EXPERIMENTS) and len(set(EXPERIMENTS) - figures) >= 6
    for one in EXPERIMENTS.values():
        assert one.claims or one.expected, one.name
        assert bool(one.claims) == (one.source != "ours"), one.name


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_can_be_planned_drawn_and_judged(name: str) -> None:
    (one,) = chosen_experiments((name,))
    planned = one.plan(SEEDS, BASE)
    assert len({(p.variant.label, p.run.content) for p in planned}) == len(planned) > 0
    assert {p.run.seed for p in planned} == set(SEEDS)
    found: Dict[str, Any] = {}
    for p in planned:
        found.setdefault(p.run.content, made_measures.drawn_measures(p.run))
    data = Data(one, [(p, found[p.run.content]) for p in planned])
    for claim in (*one.claims, *one.expected):
        finding = claim(data)
        assert finding.claim and finding.found and finding.verdict != "not measured", finding
    if one.draw is not None:
        figure = one.draw(data)
        assert any(axes.has_data() for axes in figure.axes)
        figure.draw_without_rendering()


def test_runs_are_shared_between_experiments() -> None:
    alone = len(all_runs(chosen_experiments(("table4",)), SEEDS, BASE))
    assert len(all_runs(chosen_experiments(("table4", "fig7", "fig8")), SEEDS, BASE)) == alone == 30
    cut = len(all_runs(chosen_experiments(("fig13",)), SEEDS, BASE))
    assert len(all_runs(chosen_experiments(("fig13", "fig14", "fig15")), SEEDS, BASE)) == cut


def test_a_world_changes_only_what_it_names() -> None:
    world = Variant("one", {"cluster": {"network_factor": 0.5}}).settings(BASE)
    assert world == BASE.replace(cluster={"network_factor": 0.5})
    assert Variant("two", regime="slack").settings(BASE) == load_regime("slack").settings()


def test_a_short_drain_is_past_every_deadline() -> None:
    for name in regime_names():
        arrivals = load_regime(name).settings().arrivals
        assert longest_deadline(arrivals, load_catalogue()) < DRAIN_INTERVALS


def test_files_of_an_experiment(finished: Path) -> None:
    names = set(contents(finished))
    assert {
        "fig2.csv", "fig2.png", "fig2.pdf", "fig2.md", "fig2.json", "table4.csv", "table4-timing.csv", "table4.md",
        "results.parquet", "reproduction.json",
    } <= names  # fmt: skip
    assert not {"table4.png", "fig6.png"} & names
    table = pd.read_csv(finished / "fig2.csv")
    assert list(table.columns[:5]) == ["variant", "x", "model", "seed", "application"]
    assert sorted(set(table["application"])) == ["CIFAR100", "FashionMNIST", "MNIST", "all"] and len(table) == 16
    assert "scheduling_s" not in (finished / "table4.csv").read_text()
    assert (finished / "fig2.pdf").read_bytes().startswith(b"%PDF")
    text = (finished / "fig2.md").read_text(encoding="utf-8")
    assert "Of the paper's 2 claims: 2 too few seeds to say." in text and "FashionMNIST (synthetic)" in text


def test_the_table_is_read_by_pandas_and_duckdb(finished: Path) -> None:
    frame = pd.read_parquet(finished / TABLE_FILE)
    assert len(frame) == 4 * 34  # 30 runs of table4 and 4 of fig2, each of all tasks and of three applications
    assert "scheduling_s" not in frame.columns and set(frame["cluster.hosts"]) == {10, 50}
    query = (
        f"select model, avg(reward) from '{finished / TABLE_FILE}' where application = 'all' "
        'and "cluster.hosts" = 50 group by model order by model'
    )
    found = dict(duckdb.sql(query).fetchall())
    chosen = frame[(frame["application"] == "all") & (frame["cluster.hosts"] == 50)]
    assert found == pytest.approx(chosen.groupby("model")["reward"].mean().to_dict()) and len(found) == 15


def test_one_worker_or_two_the_same_bytes(tmp_path: Path) -> None:
    for jobs in (1, 2):
        done(("fig2",), tmp_path / str(jobs), jobs)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_what_is_kept_is_not_done_again(tmp_path: Path) -> None:
    done(("fig2",), tmp_path / "out")
    before = contents(tmp_path / "out")
    again = done(("fig2",), tmp_path / "out", work=_never)
    assert again.skipped == again.runs == 4 and contents(tmp_path / "out") == before
    more = done(("fig2",), tmp_path / "out", seeds=(0, 1, 2))
    assert (more.skipped, more.runs) == (4, 6)


def _never(one: Run) -> Any:
    raise AssertionError(f"{one.model} was done already")


def test_a_crash_leaves_settings_and_traceback_and_the_rest(tmp_path: Path) -> None:
    found = done(("fig2",), tmp_path / "out", work=made_measures.crashing_measures)
    assert [(one.model, one.seed) for one in found.failures] == [("L+least-loaded", 1)]
    own = Settings.from_toml(tmp_path / "out" / "failures" / "001.toml")
    assert (own.run.seed, own.run.decider, own.cluster.hosts) == (1, "layer", 10)
    assert "lost a byte" in (tmp_path / "out" / "failures" / "001.traceback.txt").read_text()
    assert len(pd.read_csv(tmp_path / "out" / "fig2.csv")) == 12
    assert "lost a byte" in write_page(tmp_path / "out").read_text(encoding="utf-8")
    assert not done(("fig2",), tmp_path / "out").failures
    assert not list((tmp_path / "out" / "failures").iterdir())


def test_measures_there_and_back(tmp_path: Path) -> None:
    run = Run("S+G", BASE.replace(run={"seed": 5, "decider": "semantic"}, arrivals={"applications": ("MNIST",)}))
    made = made_measures.drawn_measures(run)
    write_measures(made, tmp_path / "one.json")
    back = read_measures(tmp_path / "one.json")
    assert back.run == run
    pd.testing.assert_frame_equal(pd.DataFrame(back.rows()), pd.DataFrame(made.rows()))
    assert {name: len(values) for name, values in back.curves.items()} == dict.fromkeys(made.curves, 24)


def test_what_is_measured_of_an_application_adds_up() -> None:
    made = made_measures.drawn_measures(Run("S+G", BASE))
    parts = made.applications
    assert sum(one["tasks"] for one in parts.values()) == made.metrics["tasks"] == sum(made.curves["arrived"])
    finished = sum(one["finished"] for one in parts.values())
    assert finished == made.metrics["finished"]
    reward = sum(one["reward"] * one["finished"] for one in parts.values() if one["finished"]) / finished
    assert reward == pytest.approx(made.metrics["reward"])


def test_a_damaged_run_is_named_and_left(tmp_path: Path) -> None:
    done(("fig2",), tmp_path / "out")
    path = sorted((tmp_path / "out" / "runs").iterdir())[0]
    for damage in (b"", b"{", path.read_bytes().replace(b'"seed": ', b'"seed": 4', 1)):
        path.write_bytes(damage)
        with pytest.raises(DataFileError, match=path.name):
            done(("fig2",), tmp_path / "out")
        assert path.read_bytes() == damage


@pytest.mark.parametrize("change", [{"version": "0.0.9"}, {"format": 99}, {"data": "0" * 64}])
def test_a_folder_of_another_version_is_refused_and_left(tmp_path: Path, change: Dict[str, Any]) -> None:
    done(("fig2",), tmp_path / "out")
    about = tmp_path / "out" / "reproduction.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), **change}))
    before = contents(tmp_path / "out")
    for use in (lambda: done(("fig2",), tmp_path / "out"), lambda: write_page(tmp_path / "out")):
        with pytest.raises(ResultExistsError, match=r"would not be comparable.*give another --out"):
            use()
    assert contents(tmp_path / "out") == before


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ResultExistsError, match="holds no reproduced experiments"):
        ReproductionFolder(tmp_path)
    with pytest.raises(ResultExistsError, match="holds no reproduced experiments"):
        ReproductionFolder(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_unknown_experiments_and_no_seeds(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown experiment 'fig3'; known: all, .*fig10.*table4"):
        chosen_experiments(("fig2", "fig3"))
    with pytest.raises(ConfigurationError, match="no seeds"):
        done(("fig2",), tmp_path / "out", seeds=())


def test_the_page_holds_everything(finished: Path) -> None:
    page = write_page(finished).read_text(encoding="utf-8")
    for text in ("fig2: Layer splits against semantic splits", "table4: All models", "too few seeds to say",
                 "cosco-splitplace reproduce", "[fragments]", "synthetic", "SplitPlace+", "torch"):
        assert text in page
    assert page.count("data:image/png;base64,") == 1
    assert 'src="http' not in page and "<script" not in page and 'href="http' not in page


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"not parquet at all"])
def test_a_damaged_table_is_named_with_the_way_to_mend_it(tmp_path: Path, damage: bytes) -> None:
    out = tmp_path / "out"
    done(("fig2",), out)
    whole = (out / TABLE_FILE).read_bytes()
    (out / TABLE_FILE).write_bytes(damage)
    with pytest.raises(DataFileError, match=r"results.parquet is damaged .*reproduce .*--out"):
        write_page(out)
    assert (out / TABLE_FILE).read_bytes() == damage and len(list((out / "runs").iterdir())) == 4
    done(("fig2",), out, work=_never)  # mended from what was kept
    assert (out / TABLE_FILE).read_bytes() == whole


def test_pages_of_folders_that_hold_none(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="there is no folder"):
        write_page(tmp_path / "nowhere")
    (tmp_path / "report.html").write_text("")
    with pytest.raises(DataFileError, match=r"its page is .*report\.html"):
        write_page(tmp_path)
    ReproductionFolder(tmp_path / "new").write_table()
    with pytest.raises(DataFileError, match="holds no finished experiment"):
        write_page(tmp_path / "new")


def test_the_documentations_page(tmp_path: Path) -> None:
    folder = ReproductionFolder(tmp_path / "out")
    found = reproduce(chosen_experiments(("fig2", "fig7")), SEEDS, BASE, folder, work=made_measures.drawn_measures)
    made = Circumstances("cosco-splitplace reproduce fig2 fig7", BASE, SEEDS)
    written = write_experiments(found.data, folder, made)
    write_results_page(written, made, tmp_path / "docs" / "results.md")
    page = (tmp_path / "docs" / "results.md").read_text(encoding="utf-8")
    assert "## fig2: Layer splits" in page and "cosco-splitplace reproduce fig2 fig7" in page
    assert "![Reward, accuracy, violations and response](figures/fig7.png)" in page
    assert [one.name for one in (tmp_path / "docs" / "figures").iterdir()] == ["fig7.png"]
    anchors: List[str] = [line for line in page.splitlines() if line.startswith("| [fig7]")]
    assert "(#fig7-reward-accuracy-violations-and-response)" in anchors[0]
    kept = json.loads((tmp_path / "out" / "fig7.json").read_text())["document"]
    assert document_of(kept) == written[1].document


def test_an_experiment_without_any_run_is_left_out(tmp_path: Path) -> None:
    folder = ReproductionFolder(tmp_path / "out")
    one = Experiment("none", "None", "ours", ("SplitPlace",), ("reward",))
    found = reproduce([one], (0,), BASE, folder, work=_never)
    assert found.data == [] and len(found.failures) == 1
