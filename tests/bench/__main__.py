"""The benchmarks that need no data, in one run on one machine: ``python -m tests.bench``.

The others are run by themselves; RESULTS.md names the command of each table. ``bench_kills``
and ``bench_fuzz`` are trials that look for faults and not at speed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

for script in ("bench_tagger.py", "bench_score.py", "bench_pictures.py"):
    print(f"== {script}", flush=True)
    subprocess.run([sys.executable, str(Path(__file__).with_name(script))], check=True)
