"""A federation whose rounds Flower drives.

A ServerApp does what `secfpp server` does; Flower tells the clients. On a client's host, a
ClientApp passes each message on to the client's program, `secfpp client --listen`, over a Unix
socket. That program holds images, prompt and key. It decides by its own policy, and sends shares to
the parties over its own links. Nothing that is shared passes through Flower.

`frames` and `local_socket` are the socket, `answers` what is said on it, `rounds` the client's
side, `gathering` the server's. Only `client_app`, `server_app` and `gathering` import Flower. Open
`rounds` first.

`simulated_server`, `simulated_client` and `simulated_messages` are another app, for Flower's own
simulation of methods that send in the clear. They import Flower, too, and share nothing with the
above.
"""
