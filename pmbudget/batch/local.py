"""A batch on this machine: jobs in their turns, a few at a time, then the page that compares them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import chain
from os import cpu_count

import pmbudget
from pmbudget.batch.child import made_note
from pmbudget.batch.notebooks import CHAPTERS, COMPARISON
from pmbudget.batch.plan import Job, Plan, Walk
from pmbudget.batch.run import Children, Outcome, run_job, sweep
from pmbudget.reporting.page import overview_html
from pmbudget.reporting.store import load_runs
from pmbudget.reporting.words import Words
from pmbudget.road import needed


def run_plan(plan: Plan, *, workers: int, force: bool, told: Callable[[Walk | Job, str | None], None]) -> list[Outcome]:
    """Run what is not done yet; ``told`` hears of each job as it ends, with its error if it failed.

    Jobs of a later turn start when all of the turn before have ended, so that what is fitted once is there. An interrupt ends what is
    under way and keeps what is finished.
    """
    sweep(plan.folder)
    outcomes: list[Outcome] = []
    with needed([walk.key for walk in plan.walks]):
        try:
            for turn in plan.turns:
                if plan.comparison in turn and any(outcome.error for outcome in outcomes):
                    break
                failed = {outcome.job.key for outcome in outcomes if outcome.error}
                waiting = plan.waiting(turn, force=force)
                stuck = [job for job in waiting if isinstance(job, Job) and job.walk in failed]
                runs = [job for job in waiting if job not in stuck]
                told_at_once = (
                    *(Outcome(job) for job in turn if job not in waiting),
                    *(Outcome(job, "not run: the walk that it reads has failed") for job in stuck),
                )
                for outcome in chain(told_at_once, _side_by_side(runs, plan, workers)):
                    outcomes.append(outcome)
                    told(outcome.job, outcome.error)
        finally:
            sweep(plan.folder)
    return outcomes


def _side_by_side(jobs: list[Walk | Job], plan: Plan, workers: int) -> Iterator[Outcome]:
    """The jobs' outcomes as they end."""
    children, threads = Children(), max(1, (cpu_count() or 1) // workers)
    with ThreadPoolExecutor(workers) as pool:
        pending = [pool.submit(run_job, job, plan.folder, children, threads=threads, files=plan.files) for job in jobs]
        try:
            for future in as_completed(pending):
                yield future.result()
        except BaseException:
            for future in pending:
                future.cancel()
            children.stop()
            raise


def write_index(plan: Plan) -> None:
    """``index.html`` of the batch, from what its runs hold."""
    words = Words(plan.settings.language)
    runs = load_runs(plan.folder, [run.folder for run in plan.runs])
    made = made_note(words, pmbudget.__version__, plan.settings.draws, plan.settings.seed)
    chapters = [chapter.name for chapter in CHAPTERS]
    page = overview_html(runs, chapters, COMPARISON.name, words, made=made, quick=plan.settings.quick)
    part = plan.folder / ".index.part"
    part.write_text(page, "utf-8")
    part.replace(plan.folder / "index.html")
