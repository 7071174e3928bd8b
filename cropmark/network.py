"""Ports and addresses of this computer."""

import socket


class PortInUseError(RuntimeError):
    """Something else listens on the wanted port."""


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Raise :class:`PortInUseError` with the remedy if ``port`` is taken on ``host``."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUseError(
                f"Port {port} on {host} is in use by another program. Stop it, or choose another port: "
                f"make run PORT={port + 1} (or cropmark up --port {port + 1})."
            ) from error


def lan_address() -> str | None:
    """Return this computer's address on the local network, or None when it has none.

    Connecting a datagram socket sends nothing; it only asks the kernel which address it would use.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address
