"""What the processor can do, as the system says it. Never measured: a machine must always compute alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LISTING = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Cpu:
    """``vendor`` as the processor names it ("GenuineIntel"), and ``flags`` as Linux names them ("avx512f");
    nothing where the system does not say."""

    vendor: str = ""
    flags: frozenset[str] = frozenset()

    @property
    def bfloat16(self) -> bool:
        """Whether it multiplies bfloat16 in instructions of its own; else that is slower than float32."""
        return not self.flags.isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})

    @property
    def slow_in_mkl(self) -> bool:
        """Whether MKL, which torch multiplies float32 with, leaves half of its vectors unused: it knows
        AVX-512 of Intel only."""
        return self.vendor in ("AuthenticAMD", "HygonGenuine") and "avx512f" in self.flags


@lru_cache
def this_cpu(listing: Path = LISTING) -> Cpu:
    """The processor of this machine, by its first core."""
    try:
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return Cpu()
    said: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        said.setdefault(name.strip(), value.strip())
    return Cpu(said.get("vendor_id", ""), frozenset((said.get("flags") or said.get("Features")
                                                     or "").split()))
