"""Programs of roles that do more than they should, or write down what they see."""
