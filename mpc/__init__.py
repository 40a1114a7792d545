"""Secure computation on secret-shared vectors, on CrypTen tensors; knows nothing of prompts."""
