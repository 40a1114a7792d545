"""The Flower app: what it does is installed with secfpp on every host."""
