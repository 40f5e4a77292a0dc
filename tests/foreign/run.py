"""Runs suites of other projects, prints what came of them, and writes it to the page of the reference."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tests.foreign import suites
from tests.foreign.fetching import ROOT, environment, sources
from tests.foreign.page import PAGE, RESULTS, page
from tests.foreign.stores import STORES, Stores
from tests.foreign.suite import Result, Run, Suite

PLUGS = Path(__file__).parent / "plugs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites that are named, or all; 1 when a test failed."""
    known = {module.name: f"{suites.__name__}.{module.name}" for module in pkgutil.iter_modules(suites.__path__)}
    parser = argparse.ArgumentParser(prog="scripts/foreign", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of: {', '.join(sorted(known))}; without: all")
    parser.add_argument("--over", choices=STORES, help="only this store; writes no page")
    given = parser.parse_args(arguments)
    if unknown := set(given.suites) - known.keys():
        parser.error(f"there is no suite {', '.join(sorted(unknown))}")
    failed = False
    with ExitStack() as servers:
        stores = Stores(servers)
        for name in given.suites or sorted(known):
            suite: Suite = importlib.import_module(known[name]).SUITE
            if suite.checkout and suite.variable not in os.environ:
                _say(f"{suite.project}: left out; let {suite.variable} name a checkout of {suite.checkout}")
                continue
            results = [
                _run(suite, run, store, stores.address(store))
                for run in suite.runs
                for store in run.stores
                if given.over in (None, store)
            ]
            failed = failed or any(result.failed for result in results)
            if given.over is None:
                _keep(suite, results)
    if given.over is None:
        PAGE.write_text(page())
    return 1 if failed else 0


def _keep(suite: Suite, results: Sequence[Result]) -> None:
    RESULTS.mkdir(exist_ok=True)
    told = {"project": suite.project, "how": suite.how, "runs": [asdict(result) for result in results]}
    (RESULTS / f"{suite.name}.json").write_text(json.dumps(told, indent=1) + "\n")


def _run(suite: Suite, run: Run, store: str, address: str) -> Result:
    directory = sources(run.requirement)
    release = directory.name.rpartition("-")[2]
    python = environment(f"{run.requirement.partition('~')[0].partition('=')[0]}=={release}", *run.install)
    directory = Path(os.environ.get(suite.variable, directory)).absolute()
    with tempfile.TemporaryDirectory(prefix="sojourn-foreign-") as tmp:
        said, outcomes = _outcomes(
            run, address, python, lambda text: text.format(tests=directory, plugs=PLUGS, tmp=tmp), Path(tmp)
        )
    result = _judged(run, store, release, outcomes)
    if result.failed:
        _say(said)
    told = f"{result.passed} passed, {len(result.failed)} failed, {len(result.not_applicable)} not applicable"
    _say(f"{suite.project} {release}, {run.title} over {store}: {told}")
    for test in result.failed:
        _say(f"  failed: {test}")
    for test, reason in result.not_applicable.items():
        _say(f"  not applicable: {test}: {reason}")
    return result


def _outcomes(
    run: Run, address: str, python: Path, filled: Callable[[str], str], tmp: Path
) -> tuple[str, dict[str, str]]:
    """What pytest said, and what came of each test, by its name."""
    path = [str(ROOT / "src"), str(PLUGS.parent), *map(filled, run.path)]  # ours are `plugs.flask` and so on
    told = tmp / "outcomes.json"
    empty = tmp / "empty"
    empty.mkdir()
    ended = subprocess.run(
        [
            *(
                str(python),
                "-m",
                "pytest",
                "-q",
                "-p",
                "plugs.recording",
                "-p",
                "plugs.stores",
                "-p",
                "no:cacheprovider",
                "-c",
                os.devnull,
            ),
            *("--rootdir", str(empty), "--confcutdir", str(PLUGS)),
            *map(filled, run.arguments),
        ],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "SOJOURN_FOREIGN_OUTCOMES": str(told),
            "SOJOURN_STORE": filled(address),
        },
        cwd=empty,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode not in (0, 1):  # 1: some failed, as recorded
        raise SystemExit(f"{run.title} could not be run:\n{ended.stdout}{ended.stderr}")
    outcomes: dict[str, str] = json.loads(told.read_text())
    return ended.stdout, {name.partition("::")[2]: outcome for name, outcome in outcomes.items()}


def _judged(run: Run, store: str, release: str, outcomes: dict[str, str]) -> Result:
    reasons = {test: reason for test in outcomes for end, reason in run.not_applicable.items() if test.endswith(end)}
    failed = [test for test, outcome in outcomes.items() if outcome == "failed" and test not in reasons]
    failed += [f"{test} applies after all: it did not fail" for test in reasons if outcomes[test] == "passed"]
    passed = sum(outcome == "passed" and test not in reasons for test, outcome in outcomes.items())
    skipped = {test: "skipped by the suite itself" for test, outcome in outcomes.items() if outcome == "skipped"}
    return Result(
        title=run.title,
        store=store,
        release=release,
        passed=passed,
        failed=tuple(sorted(failed)),
        not_applicable=dict(sorted({**skipped, **reasons}.items())),
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
