"""Sealed-bid auctions of a thing that each bidder values independently and uniformly."""
