"""What nft and iptables print, read into model.ruleset."""
