"""Which addresses of the network are the public's: everything else is somebody's inside."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Addresses that carry an IPv4 one or lead through a translator: wherever they end, we can't know it.
_TUNNELS = tuple(
    ipaddress.ip_network(net)
    for net in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16", "fec0::/10")
)
_ALSO_NOT = tuple(
    ipaddress.ip_network(net)
    for net in ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4")
)


def is_public(text: str) -> bool:
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if any(address in net for net in _TUNNELS) or "%" in text:
            return False
    elif any(address in net for net in _ALSO_NOT):
        return False
    inner = address.is_private or address.is_loopback or address.is_link_local
    return address.is_global and not (inner or address.is_multicast or address.is_reserved)
