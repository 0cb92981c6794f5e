"""A batch on this machine: jobs in their turns, a few at a time, then the page that compares them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from os import cpu_count

import pmbudget
from pmbudget.batch.notebooks import CHAPTERS, COMPARISON
from pmbudget.batch.plan import Job, Plan
from pmbudget.batch.run import Children, Outcome, made_note, run_job, sweep
from pmbudget.reporting.page import overview_html
from pmbudget.reporting.store import load_runs
from pmbudget.reporting.words import Words


def run_plan(plan: Plan, *, workers: int, force: bool, told: Callable[[Job, str | None], None]) -> list[Outcome]:
    """Run what is not done yet; ``told`` hears of each job as it ends, with its error if it failed.

    Jobs of a later turn start when all of the turn before have ended, so that what is fitted once is there. An interrupt ends what is
    under way and keeps what is finished.
    """
    sweep(plan.folder)
    outcomes: list[Outcome] = []
    children = Children()
    threads = max(1, (cpu_count() or 1) // workers)
    try:
        for turn in sorted({job.chapter.turn for job in plan.jobs}):
            waiting = []
            for job in (job for job in plan.jobs if job.chapter.turn == turn):
                if not force and job.is_done(plan.folder):
                    outcomes.append(Outcome(job))
                    told(job, None)
                else:
                    waiting.append(job)
            if turn == COMPARISON.turn and any(outcome.error for outcome in outcomes):
                break
            with ThreadPoolExecutor(workers) as pool:
                pending = [pool.submit(run_job, job, plan.folder, children, threads=threads) for job in waiting]
                try:
                    for future in as_completed(pending):
                        outcome = future.result()
                        outcomes.append(outcome)
                        told(outcome.job, outcome.error)
                except KeyboardInterrupt:
                    for future in pending:
                        future.cancel()
                    children.stop()
                    raise
    finally:
        sweep(plan.folder)
    return outcomes


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
