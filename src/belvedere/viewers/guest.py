"""Runs a module of ours in an interpreter whose environment doesn't have us.

``python -P guest.py NAME=FOLDER… -- MODULE ARGUMENT…``: each package NAME is taken from FOLDER, and nothing else that
lies beside it. So a viewer keeps its own versions of everything, and still gets the program that this host brings.
"""

import importlib.util
import runpy
import sys


def lend(name: str, folder: str) -> None:
    """Make a package importable, with all that is below it. Raises ImportError."""
    spec = importlib.util.spec_from_file_location(name, f"{folder}/__init__.py", submodule_search_locations=[folder])
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is no package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)


def main() -> None:
    """Run as a process of its own."""
    packages = sys.argv[1 : sys.argv.index("--")]
    module, *arguments = sys.argv[sys.argv.index("--") + 1 :]
    for package in packages:
        lend(*package.split("=", 1))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
