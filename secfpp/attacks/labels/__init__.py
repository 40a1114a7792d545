"""Label inference: which classes a client has, from its prompt or from its sums of features."""
