"""python -m pmbudget is the command line."""

from pmbudget.cli import main

main()
