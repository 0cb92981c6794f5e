"""What is installed is what is here: a wheel holds every module, text and template."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.whole
def test_a_wheel_holds_every_file_of_the_package(tmp_path):
    pytest.importorskip("setuptools", reason="setuptools is not installed, so that no wheel can be built")
    source = tmp_path / "source"
    shutil.copytree(ROOT / "pmbudget", source / "pmbudget", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    there = {path.relative_to(source).as_posix() for path in (source / "pmbudget").rglob("*") if path.is_file()}
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(source)], check=True)
    [wheel] = tmp_path.glob("*.whl")
    assert there - set(zipfile.ZipFile(wheel).namelist()) == set()
