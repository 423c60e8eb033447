"""`python -m benchmarks [NAME ...]`: asks the questions named, or all, and writes their page."""

import argparse
import pkgutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import benchmarks
from benchmarks import _page


def main() -> int:
    """Asks each in a process of its own; fails where one does."""
    modules = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    names = [name for name in modules if not name.startswith("_")]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--list", action="store_true", help="say what there is; ask nothing")
    parser.add_argument("--quick", action="store_true", help="a tenth of the time: does it run?")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    given = parser.parse_args()
    if unknown := set(given.names) - set(names):
        parser.error(
            f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(names)}"
        )
    if given.list:
        for name in names:
            print(f"{name:20}{_question(name)}")
        return 0
    flags = [flag for flag in ("--quick", "--json") if getattr(given, flag.strip("-"))]
    codes = []
    for name in given.names or names:
        command = [sys.executable, "-m", f"benchmarks.{name}", *flags]
        codes.append(subprocess.run(command, check=False).returncode)
        if not given.quick:  # after each, so that an hour's work is not lost to the last
            _page.write(names)
    return max(codes, default=0)


def _question(name: str) -> str:
    """The first line of its docstring, without importing what it needs."""
    spec = find_spec(f"benchmarks.{name}")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text().splitlines()[0].strip('"')


if __name__ == "__main__":
    sys.exit(main())
