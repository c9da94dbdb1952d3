"""gmner from Python, as ``gmner_cli.NAME``: a function for each command, and ``load`` for posts in memory.

| command | function |
| --- | --- |
| predict | load (posts in memory), predict (files) |
| prepare, caption, pool, expand, segment, score, view | of the same name |
| train, train-ner, train-ve, train-vg | train |
| recipes | recipe_names, recipe |
| schema | schema |

`gmner trust` has none: it is about ``gmner.yaml``, which the command line reads and these functions do not;
nor do they read GMNER_ variables, but for those that name places of data and weights.

Arguments are called as the options are, with underscores: ``on_missing_image`` is --on-missing-image. Where
an option is repeated or holds A=B, the argument is a list or a dict. ``from_`` ends so because ``from`` is a
word of Python.

What can be mended raises GmnerError (``gmner_cli.errors``), which says what is wrong, where, and what to do;
``exit_code`` is that of the command. Nothing ends the process, and nothing is printed to stdout but records,
and only where a file is called "-". Messages go line by line to ``tell``, by default to stderr. ``seed`` and
``threads`` hold for the whole process, and so does ``offline``, once it is True.
"""
