"""What ``bench_peers`` runs in processes of their own, each in its peer's environment: ``serving`` and a file
a peer."""
