import torch

torch.set_num_threads(1)  # toy matrices: threads that wait for one another cost more than they do
