"""Makes every generator of torch, NumPy and Python raise, from a process's first import on.

Python imports a module of this name at start, from PYTHONPATH, so that all processes below one with
this folder there are covered, whatever starts them. The operating system's generator stays as it
is: `os.urandom`, `secrets`, `random.SystemRandom`, `cryptography`.

With GENERATOR_MARKS naming a folder, each process notes in a file there, named by its number, what
was patched and every use, so that a use is seen even if its exception is caught. With
GENERATOR_PLANTED set, masks are drawn from torch: a fault planted to see that it is noticed.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

TORCH_FUNCTIONS = [
    "bernoulli",
    "binomial",
    "default_generator",
    "dropout",
    "dropout_",
    "manual_seed",
    "multinomial",
    "normal",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "rrelu",
    "seed",
    "set_rng_state",
]
TENSOR_METHODS = [
    "bernoulli",
    "bernoulli_",
    "cauchy_",
    "exponential_",
    "geometric_",
    "log_normal_",
    "multinomial",
    "normal_",
    "random_",
    "uniform_",
]


class GeneratorUsedError(Exception):
    """Some code drew from a generator that is not the operating system's."""


def note(line: str) -> None:
    """Append a line to this process's file, if a folder for it is named."""
    if folder := os.environ.get("GENERATOR_MARKS"):
        with (Path(folder) / str(os.getpid())).open("a") as file:
            file.write(line + "\n")


def raising(name: str, original: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Return a function that notes its use and raises; the original serves sympy's import."""

    def use(*args: object, **options: object) -> Any:
        callers = traceback.extract_stack()[:-1]
        if original is not None and any(map(_is_sympy_being_imported, callers)):
            note(f"passed {name}")
            return original(*args, **options)
        places = [f"{Path(at.filename).name}:{at.name}" for at in reversed(callers)]
        note(f"used {name} in {' < '.join(places)}")
        raise GeneratorUsedError(name)

    return use


def _is_sympy_being_imported(caller: traceback.FrameSummary) -> bool:
    # torch loads sympy for shapes, and sympy numbers its dummy symbols from a random start.
    return caller.name == "<module>" and "/sympy/core/" in caller.filename


def raising_class(name: str) -> type:
    """Return a class that cannot be instantiated, yet serves `isinstance` and annotations."""
    return type(name.rpartition(".")[2], (), {"__new__": raising(name)})


def patch_torch(torch: Any) -> None:
    """Patch functions, methods and the class of generators."""
    for name in TORCH_FUNCTIONS:
        setattr(torch, name, raising(f"torch.{name}"))
    for name in TENSOR_METHODS:
        setattr(torch.Tensor, name, raising(f"torch.Tensor.{name}"))
    torch.Generator = raising_class("torch.Generator")


def patch_numpy(random: Any) -> None:
    """Patch all that `numpy.random` names, and the hidden generator of its functions."""
    for name in [name for name in dir(random) if not name.startswith("_")]:
        value = getattr(random, name)
        if isinstance(value, type):
            setattr(random, name, raising_class(f"numpy.random.{name}"))
        elif callable(value):
            setattr(random, name, raising(f"numpy.random.{name}"))
    hidden = {"__getattr__": lambda self, name: raising(f"numpy.random.mtrand._rand.{name}")()}
    random.mtrand._rand = type("RandomState", (), hidden)()


def patch_python(random: Any) -> None:
    """Patch the functions, and the two methods that all others of `random.Random` rest on."""
    for name, value in list(vars(random).items()):
        if not name.startswith("_") and getattr(value, "__self__", None) is random._inst:
            setattr(random, name, raising(f"random.{name}"))
    for name in ("random", "getrandbits"):  # SystemRandom has its own
        original = getattr(random.Random, name)
        setattr(random.Random, name, raising(f"random.Random.{name}", original))


def plant_fault(randomness: Any) -> None:
    """Let masks come from torch's generator, as CrypTen's do."""

    def ring(self: object, shape: Sequence[int]) -> Any:
        import torch

        return torch.randint(-(2**63), 2**63 - 1, tuple(shape)).numpy()

    randomness.AesCtrStream.ring = ring


PATCHES: dict[str, Callable[[Any], None]] = {
    "torch": patch_torch,
    "numpy.random": patch_numpy,
    "random": patch_python,
}
if os.environ.get("GENERATOR_PLANTED"):
    PATCHES["mpc.ring.randomness"] = plant_fault


class PatchingFinder(importlib.abc.MetaPathFinder):
    """Finds modules as usual; those to patch get their patch as soon as they are executed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in PATCHES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_patch(module: ModuleType) -> None:
                execute(module)
                PATCHES[name](module)
                note_and_keep(f"patched {name}")

            spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


noted: list[str] = []
"""What this process has noted but uses, for processes that it forks."""


def note_all() -> None:
    """Note in a forked process's own file what was patched before the fork."""
    for line in noted:
        note(line)


def note_and_keep(line: str) -> None:
    """Note a line, in this process and in those that it will fork."""
    noted.append(line)
    note(line)


os.register_at_fork(after_in_child=note_all)
note_and_keep("started")
for early in [name for name in PATCHES if name in sys.modules]:
    PATCHES[early](sys.modules[early])
    note_and_keep(f"patched {early}")
sys.meta_path.insert(0, PatchingFinder())
