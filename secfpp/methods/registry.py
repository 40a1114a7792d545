"""All methods by name."""

from typing import Final, get_args

from secfpp.config.run import MethodName
from secfpp.methods import (
    cfl,
    dp_clusters,
    dp_fpl,
    dp_promptfl,
    fedotp,
    fedpgp,
    ifca,
    ldp_promptfl,
    local_only,
    one_cluster,
    oracle,
    pfedprompt,
    promptfl,
    random_clusters,
    secfpp,
    secfpp_plain,
    zero_shot,
)
from secfpp.methods.interface import Method

__all__ = ["METHODS"]

_ALL: Final = (
    zero_shot.METHOD,
    local_only.METHOD,
    promptfl.METHOD,
    dp_promptfl.METHOD,
    ldp_promptfl.METHOD,
    dp_clusters.METHOD,
    dp_fpl.METHOD,
    fedotp.METHOD,
    fedpgp.METHOD,
    pfedprompt.METHOD,
    ifca.METHOD,
    cfl.METHOD,
    one_cluster.METHOD,
    random_clusters.METHOD,
    oracle.METHOD,
    secfpp_plain.METHOD,
    secfpp.METHOD,
)

METHODS: Final[dict[MethodName, Method]] = {method.card.name: method for method in _ALL}
"""In the order of the table; one entry for every `MethodName`."""

if set(METHODS) != set(get_args(MethodName)):
    raise RuntimeError("secfpp.config.run.MethodName and the registry of methods disagree")
