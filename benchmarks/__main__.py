"""`python -m benchmarks [NAME ...]`: runs the measurements named, or all; a line of JSON each."""

import pkgutil
import subprocess
import sys

import benchmarks


def main() -> int:
    """Runs each in a process of its own; fails where one does."""
    names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    chosen = sys.argv[1:] or [name for name in names if not name.startswith("_")]
    if unknown := set(chosen) - set(names):
        sys.exit(
            f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(names)}"
        )
    codes = [
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
        for name in chosen
    ]
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
