"""Docker's remote network driver and remote IPAM driver."""
