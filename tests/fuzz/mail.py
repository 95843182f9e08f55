"""Read mutated mail: `./dev fuzz --count 100000 --seed 1`, over the tests' own mails or those of a folder."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "support"))

import mutating
import own_mails


def main() -> int:
    """Run, tell what was found, and keep the inputs that broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="mutated mails")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="the same seed gives the same mails")
    parser.add_argument("--samples", type=Path, help="mutate the files of this folder instead of the tests' own mails")
    parser.add_argument("--keep", type=Path, default=Path(".cache/fuzz"), help="where inputs that broke a promise go")
    arguments = parser.parse_args()
    samples = mutating.from_folder(arguments.samples) if arguments.samples else own_mails.all_of_them()
    print(f"{arguments.count} mutations of {len(samples)} mails, seed {arguments.seed}", flush=True)
    started, found = time.monotonic(), 0
    for fault in mutating.run(samples, count=arguments.count, seed=arguments.seed):
        found += 1
        arguments.keep.mkdir(parents=True, exist_ok=True)
        kept = arguments.keep / f"{arguments.seed}-{fault.number}"
        kept.write_bytes(fault.data)
        print(f"{kept}: {fault.what}", flush=True)
    print(f"{found} broke a promise; {arguments.count / (time.monotonic() - started):.0f} a second")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
