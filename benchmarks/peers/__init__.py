"""Secure k-means of several projects side by side: the same job, machine, run and byte counter.

    make bench-peers                    # all engines that are there, four sizes, then the page
    make bench-peers ARGS="--engines ours-2 mpspdz-replicated --sizes 100x128x4"
    make bench-growth                   # time, bytes and memory of ours against N, D and K

The job: N secret points of D dimensions, K of them a public start, Lloyd's iteration a given number
of times with assignments secret throughout, centres out. Every engine is a process tree of its own
(`host`) in a network of its own (`loopback`), where whatever passes the loopback device is its
traffic. Engines take turns, job by job. What comes out is compared with Lloyd in the clear.

    workload engine             the job; what an engine is, and what it answers
    catalogue host loopback     the engines by name; one of them in its own network
    ours crypten_* spu_* mpyc_* mpspdz_*    the engines, and the programs of their parties
    hosts turns record          engines from the side of the benchmark; measuring by turns; figures
    network_model growth        slower networks, modelled; ours against N, D and K
    report table page plots     the JSON file, the terminal, docs/benchmarks.md and its figures

An engine that is not installed is left out, with the reason. SPU and MPyC get a virtual environment
of their own, made on the first run. MP-SPDZ takes part when SECFPP_MPSPDZ names a built tree of it,
with `replicated-ring-party.x` and `dealer-ring-party.x`. All engines wait side by side for their
turns, in 10 GB of memory; `--engines` takes fewer, `--minutes` more time.

Run from `benchmarks/` (`python -m peers --help`). Results go to `peers/results/`, from which
`python -m peers.page` makes the page.
"""
