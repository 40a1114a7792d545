"""Ask the role in this container whether it is alive or ready: exit code 0, or 1.

::

    probe.py [/healthz | /readyz]

The role was started with `--health-port`; SECFPP_HEALTH_PORT names another port than 9000. Roles
answer on the loopback interface only, so the question is asked inside the container.
"""

import http.client
import os
import sys

DEFAULT_PORT = 9000
PATIENCE_S = 3.0


def main() -> int:
    """Return 0 if the answer is 200 OK."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/healthz"
    port = int(os.environ.get("SECFPP_HEALTH_PORT", DEFAULT_PORT))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        return int(connection.getresponse().status != http.HTTPStatus.OK)
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
