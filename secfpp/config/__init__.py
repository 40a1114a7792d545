"""Settings that all methods share as frozen dataclasses, and settings from and to JSON.

It imports `mpc` and the errors. Open `training` first. A method's own settings are in its file in
`secfpp.methods`; `secfpp.experiment.config` puts all of them together.
"""
