"""What the exchange's customer owns, and what may be bought with it.

account            the seam, and a spot account
perpetual_account  a margined account: one wallet per settlement asset, net positions
margin             what positions must be backed with
costs              what a trade costs

Begin with `account`.
"""
