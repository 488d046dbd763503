"""Staking as an urn: whoever has more stake is rewarded more often, and stakes the reward."""
