"""Whether the ledgers of several roles tell the same story; the first difference is named.

The compared events are a party's `agreed` with the terms of a job, `refused`, `spent`, `opened`
with what was opened to whom, and `done`; the server's `ordered`, `opened` and `done`; the dealer's
`dealt`; and an owner's `consented` and `received`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from mpc.consent.chain import RoleLedger
from mpc.consent.spending import SPENT

_PUBLIC: Final = ("to", "what", "shape", "why", "policy", "label")
_OWNERS: Final = "each client"
_AGREE: Final = ("agreed", "consented", "ordered")
"""Events that hold the digest of a job's terms."""


def differences(ledgers: Sequence[RoleLedger]) -> Iterator[str]:
    """Yield what the ledgers of one session disagree on, in the order of jobs.

    Parameters
    ----------
    ledgers : sequence of RoleLedger
        Of different roles. Jobs that a role was not in are no difference for owners and dealer.
    """
    twice = [one.role for one in ledgers if sum(one.role == other.role for other in ledgers) > 1]
    if twice:
        yield f"two ledgers are of {twice[0]}"
        return
    for job in dict.fromkeys(job for ledger in ledgers for job in ledger.jobs):
        yield from _of_job(job, ledgers)


def _of_job(job: tuple[str, int], ledgers: Sequence[RoleLedger]) -> Iterator[str]:
    run, number = job
    name = f"job {number} of run {run}"
    parties = [ledger for ledger in ledgers if ledger.role.startswith("party:")]
    yield from _terms(job, name, ledgers)
    spent = {each.role: _spent(each, job) for each in parties if _is_witness(each, job)}
    yield from _unequal(name, "what was spent", spent)
    told = [ledger for ledger in ledgers if _is_witness(ledger, job)]
    yield from _unequal(name, "what was opened", {each.role: _opened(each, job) for each in told})
    for ledger in ledgers:
        if ledger.role.startswith("client:") and ledger.of(job, "received"):
            if not ledger.of(job, "consented"):
                yield f"{name}: {ledger.role} received a result without having consented"
            for party in parties:
                if not any(line["to"] == _OWNERS for line in party.of(job, "opened")):
                    yield f"{name}: {ledger.role} received a result, but {party.role} opened none"
        if ledger.role == "dealer" and ledger.of(job, "dealt"):
            for party in parties:
                if not party.of(job, "agreed"):
                    yield f"{name}: the dealer dealt for it, but {party.role} did not agree to it"


def _terms(job: tuple[str, int], name: str, ledgers: Sequence[RoleLedger]) -> Iterator[str]:
    """Compare the terms that roles agreed to; name the field that differs."""
    agreed = {
        ledger.role: line
        for ledger in ledgers
        for event in _AGREE
        for line in ledger.of(job, event)[:1]
    }
    missing = [
        ledger.role
        for ledger in ledgers
        if ledger.role.startswith("party:") and ledger.role not in agreed and agreed
        if not ledger.of(job, "refused")
    ]
    for role in missing:
        yield f"{name}: {role} has no line about it, but {', '.join(agreed)} agreed to it"
    yield from _unequal(name, "its terms", {role: _fields(line) for role, line in agreed.items()})


def _fields(line: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the terms, and their digest."""
    terms = line.get("terms")
    return {**(terms if isinstance(terms, dict) else {}), "digest": line.get("digest")}


def _unequal(name: str, what: str, values: dict[str, Any]) -> Iterator[str]:
    """Yield the first pair of roles whose values differ."""
    (first, expected), *others = list(values.items()) or [("", None)]
    for role, value in others:
        if value != expected:
            where = _where(expected, value)
            yield f"{name}: {first} and {role} differ in {what}{where}"
            return


def _where(one: Any, other: Any) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        for field in sorted(one.keys() | other.keys(), key=lambda name: (name == "digest", name)):
            if one.get(field) != other.get(field):
                return f", {field}: {one.get(field)!r:.80} and {other.get(field)!r:.80}"
    if isinstance(one, list) and isinstance(other, list):
        for place in range(max(len(one), len(other))):
            mine, theirs = one[place : place + 1], other[place : place + 1]
            if mine != theirs:
                return f", line {place + 1}: {mine or 'nothing'} and {theirs or 'nothing'}"
    return ""


def _is_witness(ledger: RoleLedger, job: tuple[str, int]) -> bool:
    """Whether a role saw the end of a job in which values were opened."""
    is_party = ledger.role.startswith("party:")
    return (is_party or ledger.role == "server") and bool(ledger.of(job, "done"))


def _spent(ledger: RoleLedger, job: tuple[str, int]) -> list[dict[str, Any]]:
    return [{name: line.get(name) for name in ("rho", "owners")} for line in ledger.of(job, SPENT)]


def _opened(ledger: RoleLedger, job: tuple[str, int]) -> list[dict[str, Any]]:
    return [{name: line.get(name) for name in _PUBLIC} for line in ledger.of(job, "opened")]
