"""Address pools as dockerd orders them, and as the engine is asked for them."""

from glassbridge.errors import InvalidRequest
from glassbridge.frontends.docker.addresses import parse_address
from glassbridge.frontends.docker.messages import AddressMessage, PoolAnswer, PoolRequest
from glassbridge.model.address import IPAddress
from glassbridge.model.driven import AddressPool, PoolWish

_DOCKER_S_OWN = "com.docker."


def pool_wish(asked: PoolRequest) -> PoolWish:
    """Translate `RequestPool`; raises InvalidRequest on an --ipam-opt, of which we have none."""
    unknown = [key for key in asked.options or {} if not key.startswith(_DOCKER_S_OWN)]
    if unknown:
        raise InvalidRequest(
            f"unknown IPAM option {unknown[0]}", hint="omit --ipam-opt: glassbridge has none"
        )
    return PoolWish(prefix=asked.pool, ip_range=asked.sub_pool, ipv6=asked.v6)


def pool_answer(pool: AddressPool) -> PoolAnswer:
    """Tell dockerd which subnet it has, and under which name."""
    return PoolAnswer(pool_id=pool.id, pool=str(pool.prefix))


def wished_address(asked: AddressMessage) -> IPAddress | None:
    """Take the address that is asked for; None: any."""
    return parse_address(asked.address, "address") if asked.address else None


def named_address(asked: AddressMessage) -> IPAddress:
    """Take the address that is given back."""
    return parse_address(asked.address, "address")
