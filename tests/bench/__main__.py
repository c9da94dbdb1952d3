"""The benchmarks that need no data, in one run on one machine: ``python -m tests.bench``.

``bench_segment`` (--coco DIR), ``bench_plain_text`` (--shared DIR), ``bench_scenes``, ``bench_entities`` and ``bench_knowledge``
are run by themselves, and so are the trials that look for faults and not at speed: ``bench_kills`` and ``bench_fuzz``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

for script in ("bench_tagger.py", "bench_score.py", "bench_pictures.py"):
    print(f"== {script}", flush=True)
    subprocess.run([sys.executable, str(Path(__file__).with_name(script))], check=True)
