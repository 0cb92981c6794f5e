"""The list of modules in ARCHITECTURE.md, made from the first line of each module's docstring: python tests/house.py writes it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "ARCHITECTURE.md"
ROOMS = (
    "inputs",
    "evidence",
    "patient",
    "programme",
    "financing",
    "appraisal",
    "road",
    "questions",
    "reporting",
    "batch",
)
BOUNDS = re.compile(r"(?<=<!-- modules -->\n).*(?=<!-- end -->)", re.S)


def first_line(path):
    """The first sentence of a module's docstring as one line, without its stop."""
    told = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(told.split("\n\n")[0].split()).rstrip(".")


def module_list():
    """A list for each room, in the order in which data flow."""
    lines = []
    for room in ROOMS:
        folder = ROOT / "pmbudget" / room
        lines.append(f"\n**`{room}/`** {first_line(folder / '__init__.py')}\n")
        for path in sorted(folder.rglob("*.py")):
            if path.name == "__init__.py" and path.parent == folder:
                continue
            name = path.relative_to(folder).with_suffix("").as_posix().removesuffix("/__init__")
            if told := first_line(path):
                lines.append(f"- `{name}` {told}")
    return "\n".join([*lines, ""])


def document():
    """ARCHITECTURE.md with the list as the modules say it now."""
    return BOUNDS.sub(lambda _: module_list(), DOCUMENT.read_text("utf-8"))


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
