"""What pyproject.toml cannot say: which modules of a package stay out."""

from setuptools import setup
from setuptools.command.build_py import build_py

MODULES_OF = {
    "mpc": ("__init__", "errors", "traffic", "whole_file"),
    "mpc.session": ("__init__", "data_owner", "owner", "owner_links"),
}
"""Modules to keep of these packages; the other packages are kept whole."""


class OwnerModules(build_py):
    """Leave out modules that need more than NumPy and `cryptography`."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """Return package, module and file of each module to build."""
        found = super().find_package_modules(package, package_dir)
        wanted = MODULES_OF.get(package)
        return [module for module in found if wanted is None or module[1] in wanted]


setup(cmdclass={"build_py": OwnerModules})
