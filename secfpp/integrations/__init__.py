"""Other programs that drive a federation in place of `secfpp server`.

`flower` is the one there is: rounds by Flower, shares by the client's own links.
"""
