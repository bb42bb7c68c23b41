"""The guarded HTTP client: public addresses only, a cap on bytes, one deadline for everything.

Who calls whom:

    a caller
      |  get(), post()
    HttpClient              http_client.py: redirects, the cap on bytes, errors in words
      |  urlopen(), when LoadLimits (load_limits.py) lets the site have one request more
    Pool                    transport.py, as are the next four: of urllib3, keeps idle connections
      |
    Connection              of urllib3: asks the current Transfer for its socket
      |  connect()
    Transfer                one call's deadline, policy and limits, those of the address too
      |  look_up()
    AddressPolicy           address_policy.py: looks the host up, and judges every address
      |
    DeadlineSocket          each wait is for what is left of the deadline

The guard stands where a socket is made. A connection looks its host up once, judges every address
it got, and connects to one of those: there is no second look-up that could answer differently, a
redirect passes the same way, and TLS still checks the certificate for the name in the URL.

Of requests, only the preparation of a request is used (characters, IDNA). Its Session would keep
cookies, read proxies and passwords from the environment, and read the body of a redirect without
bound.

urllib3 makes connections and sockets by itself and hands nothing of ours to them, but it does so in
the thread that asked. So the Transfer of a call stands in a context variable.
"""

from outbound.address_policy import AddressPolicy, BlockedHosts, is_public
from outbound.errors import OutboundError
from outbound.http_client import MAX_RETRY_AFTER, HttpClient, Response
from outbound.load_limits import HOST_BUSY, LoadLimits, site_of
from outbound.shared_limits import SharedLimits, has_live_process
from outbound.transport import MAX_KEPT_HOSTS

__all__ = [
    "HOST_BUSY",
    "MAX_KEPT_HOSTS",
    "MAX_RETRY_AFTER",
    "AddressPolicy",
    "BlockedHosts",
    "HttpClient",
    "LoadLimits",
    "OutboundError",
    "Response",
    "SharedLimits",
    "has_live_process",
    "is_public",
    "site_of",
]
