"""A federation as programs of their own: a client on each owner's host, and a server without data.

`config` is the settings file that all share. `own_images` reads a client's folder, `client` is the
client's program, `server` the server's. Training and classification are those of a simulation
(`secfpp.federation.round`); only the exchange goes through the client's own links.
"""
