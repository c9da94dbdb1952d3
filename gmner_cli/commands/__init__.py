"""One thin file per subcommand: options, a docstring with runnable examples, one call into the library."""
