"""netavark's plugin interface, as Podman speaks it from 4.6 on."""
