"""docker-compose with `driver: glassbridge`."""

from __future__ import annotations

from tests.netns.docker.driven_host import DrivenHost, either_docker
from tests.netns.foreign.machine import HOST

FILE = """
version: "3.5"
services:
  web:
    image: page
    command: httpd -f -p 80
    ports: ["8080:80"]
    networks:
      front:
      back:
        aliases: [store]
  db:
    image: page
    command: httpd -f -p 80
    networks:
      back:
        ipv4_address: 10.71.0.50
networks:
  front:
    driver: glassbridge
  back:
    driver: glassbridge
    internal: true
    driver_opts:
      com.docker.network.driver.mtu: "1400"
    ipam:
      driver: glassbridge
      config:
        - subnet: 10.71.0.0/24
"""


@either_docker
def test_a_project_comes_up_and_goes_down(docker: DrivenHost) -> None:
    machine = docker.machine
    machine("mkdir", "-p", "/run/shop")
    machine("tee", "/run/shop/docker-compose.yml", text=FILE)
    compose = (
        "docker-compose",
        "--project-directory",
        "/run/shop",
        "-f",
        "/run/shop/docker-compose.yml",
    )
    machine(*compose, "up", "-d")
    web, db = (machine(*compose, "ps", "-q", name).strip() for name in ("web", "db"))
    assert docker.address(db, "shop_back") == "10.71.0.50"
    assert docker.fetches("http://10.71.0.50/", *docker.inside(web))
    assert docker.looks_up("store", db) == [docker.address(web, "shop_back")]
    assert docker.fetches(f"http://{HOST}:8080/", "ip", "netns", "exec", "outside")
    assert not machine.pings("203.0.113.9", *docker.inside(db), patience=0.3)
    machine(*compose, "down", "-t", "0")
    assert docker.plugin()["networks"] == []
