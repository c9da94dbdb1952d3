"""Console entry point: what ``gmner`` and ``python -m gmner_cli`` start."""

import gc
import sys

from gmner_cli.errors import INTERRUPTED


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly, also while its own parts are still being imported."""
    try:
        from gmner_cli.app import main as run

        run()
    except KeyboardInterrupt:
        print("gmner: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    finally:
        _collect_no_more()


def _collect_no_more() -> None:
    """Spare the interpreter its last collection, which takes a second or more once transformers is imported.

    The system takes all memory back at once. What must be done at the end (``atexit``, temporary
    folders, threads, streams) does not wait for a collection.
    """
    gc.disable()
    gc.freeze()


if __name__ == "__main__":
    main()
