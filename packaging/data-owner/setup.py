"""What pyproject.toml cannot say: which modules stay out, and where the version stands."""

import ast
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES_OF = {
    "mpc": ("__init__", "errors", "traffic", "whole_file"),
    "mpc.session": ("__init__", "data_owner"),
}
"""Of these packages a data owner needs some modules; of the others all."""


class OwnerModules(build_py):
    """Leave out modules that need more than NumPy and `cryptography`."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """Return package, module and file of each module to build."""
        found = super().find_package_modules(package, package_dir)
        wanted = MODULES_OF.get(package)
        return [module for module in found if wanted is None or module[1] in wanted]


def version() -> str:
    """Return the version of `secfpp`, without importing it."""
    source = (CHECKOUT / "secfpp" / "__init__.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return str(ast.literal_eval(node.value))
    raise SystemExit("secfpp/__init__.py has no __version__")


setup(version=version(), cmdclass={"build_py": OwnerModules})
