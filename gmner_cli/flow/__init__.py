"""A run, from the file of posts that is read to the file of records that is written. Read in this order:

1. ``build``: a recipe becomes a list of stages, in the order of the recipe.
   ``plain_stage`` makes those without weights; models are loaded and each put into a ``ModelStage``.
2. ``compose``: what a stage is, and how posts flow through all of them, a window of posts at a time.
3. ``check_images`` and ``keep_gold``: the two stages that ``build`` puts in front of the recipe's own.
4. ``model_stage``: a model as a stage. A window is cut into batches, which the model predicts and writes.
   ``named_pictures`` opens the pictures that a batch needs beside the posts' own.
5. ``run_file``: the run itself. It reads posts, sends them through ``compose``, and gives what comes out to
   the sink; ``run_records`` does the same for posts in memory.
6. ``sink``: where records go, and which of them a resumed run need not make again.

Beside them: ``outputs`` says which files a run may write, and has its manifest, ``OUT.run.json``;
``run_contents`` and ``recipe_values`` tell whether two manifests describe the same run; ``interrupts`` keeps
a Ctrl-C from getting lost.

What flows: ``records.jsonl.Line`` (a line of the file) -> ``Post`` -> the same ``Post`` with more fields,
stage after stage -> a line of JSON. A post that fails goes on to the end, marked; no post is lost.
"""
