"""The command line: parses and calls."""

import sys
from math import prod
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from pmbudget.vocabulary import POSTERIOR_DRAWS

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Budget impact of precision diagnostics, region by region."
)
console = Console(highlight=False, soft_wrap=True)


@app.command()
def run(
    scenarios: Annotated[
        list[str] | None, typer.Argument(help="Scenarios; all in parameters/scenarios if none is named.")
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(help="Case, may be repeated; 'all' for every case but illustrations. Else the scenario's own."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Notebooks at a time.")] = 2,
    language: Annotated[Literal["sv", "en"], typer.Option(help="Language of the reports.")] = "sv",
    draws: Annotated[int, typer.Option(min=2, max=prod(POSTERIOR_DRAWS), help="Joint draws of all parameters.")] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random numbers.")] = 1,
    quick: Annotated[bool, typer.Option(help="200 draws, marked as such in every report.")] = False,
    force: Annotated[bool, typer.Option(help="Make every page again; walks that are kept are read.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Say what would run.")] = False,
    name: Annotated[str, typer.Option(help="Folder under outputs/.")] = "batch",
) -> None:
    """Run scenarios: every notebook as HTML, and an index that compares them."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from pmbudget.batch.local import run_plan, write_index
    from pmbudget.batch.plan import Settings, plan_batch
    from pmbudget.inputs.files import unsafe

    if hindrance := unsafe(name):
        raise typer.BadParameter(
            f"{name!r} {hindrance}; give the bare name of a folder in outputs/", param_hint="--name"
        )
    settings = Settings(draws=200 if quick else draws, seed=seed, language=language, quick=quick)
    plan = plan_batch(scenarios or [], cases=case or [], name=name, settings=settings)
    if dry_run:
        for turn in plan.turns:
            waiting = plan.waiting(turn, force=force)
            for job in turn:
                console.print(f"{'to run' if job in waiting else 'done':7} {job.name:24} {job.about}", markup=False)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Running", total=sum(map(len, plan.turns)))

        def told(job, error):  # type: ignore[no-untyped-def]
            progress.update(task, advance=1, description=job.name)
            if error:
                # What a notebook or a name holds is no markup.
                told_of = f"failed {job.name} ({job.about})\n{error}"
                progress.console.print(told_of, markup=False, style="red")

        try:
            outcomes = run_plan(plan, workers=workers, force=force, told=told)
        except KeyboardInterrupt:
            progress.stop()
            console.print("Stopped. What was finished is kept; the same command goes on from there.")
            raise typer.Exit(130) from None
    if any(outcome.error for outcome in outcomes):
        console.print(f"Finished work is kept in {plan.folder}; mend the cause and run again.", markup=False)
        raise typer.Exit(1)
    write_index(plan)
    for each in plan.runs:
        console.print(f"{plan.folder / each.folder}", markup=False)
    console.print(f"Compare: {plan.folder / 'index.html'}", markup=False)


@app.command()
def check(folder: Annotated[Path, typer.Option(help="Folder of parameter files.")] = Path("parameters")) -> None:
    """Look through all parameter files and notebooks: every fault with file, line, key and remedy."""
    from datetime import date

    from pmbudget.batch.check import begun, outdated
    from pmbudget.batch.check import check as faults_in
    from pmbudget.evidence.shipped import parted

    faults = faults_in(folder)
    # What does not load has no posterior to look for.
    for late in [*begun(folder, today=date.today()), *outdated(folder), *([] if faults else parted(folder))]:
        console.print(f"warning: {late}", markup=False)
    for fault in faults:
        console.print(str(fault), markup=False)
    if faults:
        console.print(f"{len(faults)} fault{'s' if len(faults) > 1 else ''}")
        raise typer.Exit(1)
    console.print("No faults.")


@app.command()
def fit(
    cases: Annotated[list[str] | None, typer.Argument(help="Cases; every one if none is named.")] = None,
    refresh: Annotated[bool, typer.Option(help="Fit anew what is shipped with the cases, and ship that.")] = False,
) -> None:
    """Fit the evidence of cases: what is kept nowhere into the cache, or all of it into what is shipped."""
    from pmbudget.evidence import fit_evidence
    from pmbudget.evidence.shipped import known_cases
    from pmbudget.evidence.shipped import refresh as refreshed
    from pmbudget.inputs import load_parameters

    for name in cases or known_cases():
        if refresh:
            console.print(f"{name}: written to {refreshed(name)}", markup=False)
        else:
            console.print(f"{name}: posterior {fit_evidence(load_parameters(case=name)).key}")


@app.command()
def headline(
    cases: Annotated[list[str] | None, typer.Argument(help="Cases; every one if none is named.")] = None,
    draws: Annotated[int, typer.Option(min=2, help="Joint draws.")] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random numbers.")] = 1,
) -> None:
    """Print the headline of cases as Markdown, a row for each scenario that runs by default."""
    from pmbudget.batch.plan import chosen_scenarios
    from pmbudget.inputs.cases import ordinary_cases
    from pmbudget.inputs.files import find_folder
    from pmbudget.reporting.headline import headline_table
    from pmbudget.road import evaluated

    for case in cases or ordinary_cases(find_folder()):
        scenarios = chosen_scenarios([], [case])
        print(f"{case}\n\n{headline_table((one, evaluated(one, draws=draws, seed=seed)) for one in scenarios)}\n")


def main() -> None:
    """Entry point: a fault in the inputs is a message, not a traceback."""
    from pmbudget.errors import EvidenceError, InputError

    try:
        app()
    except (InputError, EvidenceError) as error:
        console.print(str(error), markup=False, style="red")
        sys.exit(1)
