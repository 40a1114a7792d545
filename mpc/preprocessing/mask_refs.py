"""References to masks that the dealer keeps, and how long it keeps them.

The dealer and the parties count masks in every step. A request refers to a mask by its step and
number. Iterations are named relative to the requesting step, "this iteration" or "iteration
before", so all iterations of a job have equal requests.
"""

from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from mpc.engine.mask_id import MaskId

ITERATION: Final = "iteration "
THIS_ITERATION: Final = "this iteration"
ITERATION_BEFORE: Final = "iteration before"

T = TypeVar("T")
U = TypeVar("U")


class MaskRef(NamedTuple):
    """A request's reference to a mask."""

    step: str
    """A step that is done once, or `THIS_ITERATION` or `ITERATION_BEFORE`."""
    number: int

    def __str__(self) -> str:
        return f"{self.number} of {self.step:.40}"


def refer(mask: MaskId, step: str) -> MaskRef:
    """Return the reference of a request in a step to a mask.

    Raises
    ------
    LookupError
        The dealer has dropped the mask: it is more than one iteration old.
    """
    if not mask.step.startswith(ITERATION):
        return MaskRef(mask.step, mask.index)
    back = _number(step) - _number(mask.step) if step.startswith(ITERATION) else -1
    if back not in (0, 1):
        raise LookupError(f"mask {mask.index} of {mask.step!r} is not kept in {step!r}")
    return MaskRef(ITERATION_BEFORE if back else THIS_ITERATION, mask.index)


def _number(step: str) -> int:
    return int(step.removeprefix(ITERATION))


class MaskCounter:
    """A party's counter of masks that the dealer keeps."""

    def __init__(self, step: str = "") -> None:
        self.begin(step)

    def begin(self, step: str) -> None:
        """Count from 0 in a step."""
        self._step, self._count = step, 0

    def next(self) -> MaskId:
        """Return the id of the next mask."""
        self._count += 1
        return MaskId(self._step, self._count - 1)

    def refer(self, mask: MaskId) -> MaskRef:
        """Return the reference of a request in the current step to a mask."""
        return refer(mask, self._step)


class MaskStore(Generic[T]):
    """A value for each kept mask of a job: those of single steps and of the last two iterations.

    Parameters
    ----------
    T
        Type of the value: the mask at the dealer, its shape if requests are checked.
    """

    def __init__(self) -> None:
        self._step = ""
        self._of: dict[str, list[T]] = {"": []}

    def begin(self, step: str) -> None:
        """Enter a step, and drop masks that its requests cannot refer to."""
        self._step = step
        if step.startswith(ITERATION):
            kept = {step, f"{ITERATION}{_number(step) - 1}"}
            self._of = {
                name: masks
                for name, masks in self._of.items()
                if not name.startswith(ITERATION) or name in kept
            }
        self._of.setdefault(step, [])

    def keep(self, value: T) -> None:
        """Store the value of the next mask of the current step."""
        self._of[self._step].append(value)

    def __getitem__(self, ref: MaskRef) -> T:
        """Return the value of a mask.

        Raises
        ------
        LookupError
            The mask does not exist, or has been dropped.
        """
        masks = self._of.get(self._absolute(ref.step), [])
        if not 0 <= ref.number < len(masks):
            raise LookupError(f"no mask {ref} is kept")
        return masks[ref.number]

    def _absolute(self, step: str) -> str:
        if step not in (THIS_ITERATION, ITERATION_BEFORE) or not self._step.startswith(ITERATION):
            return step
        return f"{ITERATION}{_number(self._step) - (step == ITERATION_BEFORE)}"

    def mapped(self, change: Callable[[T], U]) -> "MaskStore[U]":
        """Return a store with a function of each value, in the same step."""
        store: MaskStore[U] = MaskStore()
        store._step = self._step
        store._of = {step: [change(value) for value in of] for step, of in self._of.items()}
        return store
