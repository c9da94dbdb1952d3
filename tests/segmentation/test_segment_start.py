"""What `gmner segment` loads: GrabCut needs neither torch nor transformers."""

from __future__ import annotations

import pytest

from tests.conftest import read_jsonl, write_jsonl
from tests.segmentation.conftest import noise
from tests.test_start import HEAVY, PROFILE, imported


@pytest.mark.parametrize("threads", [(), ("--threads", "2")], ids=["all cores", "two threads"])
def test_grabcut_imports_no_torch(gmner, tmp_path, threads):
    noise(40, 30).save(tmp_path / "a.png")
    entity = {"start": 0, "end": 4, "type": "LOC", "boxes": [[2, 2, 20, 20]]}
    path = write_jsonl(tmp_path / "p.jsonl",
                       [{"id": "1", "text": "Rome", "image": "a.png", "entities": [entity]},
                        {"id": "2", "text": "Rome", "image": "none.png", "entities": [entity]}])
    done = gmner("segment", path, *threads, env=PROFILE)
    assert done.returncode == 3, done.stderr[-2000:]
    made, failed = read_jsonl(done.stdout)
    assert len(made["entities"][0]["masks"]) == 1 and "none.png" in failed["error"]
    assert imported(done) & HEAVY == {"cv2"}
