"""Tests of `mpc.stock`."""
