"""One engine in a network of its own: starts it, gives it jobs, counts bytes, checks results.

Run by `peers.hosts`, under `unshare`: `python -m peers.host NAME`. Gets jobs on standard input,
answers each with a line of JSON, and ends with its standard input.
"""

import sys
from pathlib import Path

from commands import Commands, Values, reply

from peers.answers import keep_for_answers
from peers.catalogue import CATALOGUE
from peers.engines.engine import Answer, Engine, Task, UnavailableError
from peers.loopback import bytes_sent, switch_on
from peers.workload import Size, centre_error


def task_of(command: Values) -> Task:
    """Read a job."""
    return Task(
        size=Size.parse(str(command["size"])),
        points=Path(str(command["points"])),
        iterations=int(str(command["iterations"])),
        count=bool(command.get("count")),
    )


def measured(engine: Engine, task: Task) -> Answer:
    """Do a job between two looks at the counter."""
    before = bytes_sent()
    outcome = engine.run(task)
    return Answer(
        seconds=outcome.seconds,
        rounds=outcome.rounds,
        iteration_s=outcome.iteration_s,
        iteration_online_bytes=outcome.iteration_online_bytes,
        loopback_bytes=bytes_sent() - before,
        centre_error=centre_error(outcome.centres_KD, task.points_ND, task.iterations),
    )


def serve(engine: Engine, commands: Commands) -> None:
    """Do what comes; whatever goes wrong with a job is its answer."""
    for command in commands:
        try:
            if command["do"] == "note":
                reply(note=engine.note)
            elif command["do"] == "memory":
                reply(**engine.memory())
            elif command["do"] == "prepare":
                engine.prepare(task_of(command))
                reply(ready=True)
            else:
                reply(**measured(engine, task_of(command)).as_json())
        except Exception as error:  # noqa: BLE001
            reply(failed=f"{type(error).__name__}: {error}")


def main() -> None:
    keep_for_answers()
    commands = Commands()
    switch_on()
    try:
        engine = CATALOGUE[sys.argv[1]].start()
    except UnavailableError as error:
        reply(unavailable=str(error))
        return
    except Exception as error:  # noqa: BLE001
        reply(unavailable=f"it did not start: {type(error).__name__}: {error}")
        return
    reply(versions=engine.versions())
    serve(engine, commands)


if __name__ == "__main__":
    main()
