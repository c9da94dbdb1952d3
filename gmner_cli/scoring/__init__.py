"""Scores of predicted posts against gold posts: pure functions that need no model and no torch.

From Python, with posts in memory or streamed::

    from gmner_cli.records.jsonl import read_posts
    from gmner_cli.scoring.task_scores import Settings, score

    report = score(read_posts("pred.jsonl"), read_posts("gold.jsonl"), Settings(iou=0.5))
    report["rows"]["GMNER"]["f1"]      # percent
"""
