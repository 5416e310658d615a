"""The Container Network Interface, as containerd, Kubernetes and Podman 4 speak it."""
