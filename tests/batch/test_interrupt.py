"""Who interrupts a batch is left with nothing half done and nothing that goes on."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pmbudget.batch.run import SCRATCH

PATIENCE = 120
"""Seconds of wall clock that a busy machine may take to begin or to end."""


@pytest.mark.whole
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a process of another console")
def test_an_interrupted_batch_ends_all_that_it_began(tmp_path, shipped):
    shutil.copytree(shipped, tmp_path / "parameters")
    batch = tmp_path / "outputs" / "tried"
    command = [sys.executable, "-m", "pmbudget", "run", "unplanned", "--draws", "20", "--name", batch.name]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until = time.monotonic() + PATIENCE
        while not list(batch.glob(f"{SCRATCH}*")) and time.monotonic() < until:
            time.sleep(0.1)
        assert list(batch.glob(f"{SCRATCH}*")), "the batch has begun nothing"
        begun = psutil.Process(process.pid).children(recursive=True)
        assert begun
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) != 0
        assert psutil.wait_procs(begun, PATIENCE)[1] == []
        assert list(batch.glob(f"{SCRATCH}*")) == []
        assert list((tmp_path / "outputs").rglob(".part-*")) == []
        assert list((tmp_path / "outputs").rglob("manifest.json")) == []
    finally:
        process.kill()
