"""The Flower app of a simulation: what it does is installed with secfpp."""
