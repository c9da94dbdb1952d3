"""Console entry point: what ``gmner`` and ``python -m gmner_cli`` start."""

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


if __name__ == "__main__":
    main()
